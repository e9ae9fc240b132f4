package dev.kubetunnel.jetbrains;

import java.awt.Color;
import java.awt.GridBagConstraints;
import java.awt.GridBagLayout;
import java.awt.Insets;
import java.util.Objects;
import javax.swing.AbstractButton;
import javax.swing.Box;
import javax.swing.JComponent;
import javax.swing.JLabel;
import javax.swing.JPanel;
import javax.swing.JTextField;
import javax.swing.UIManager;

/** Labels on the left, fields on the right, hints below them. Plain Swing: the platform's own builders have changed too often. */
final class Form {
    static final int NUMBER_COLUMNS = 8;

    private final JPanel panel = new JPanel(new GridBagLayout());
    private int row;

    JPanel panel() {
        return panel;
    }

    /** The letter after "&" is the label's mnemonic. A field for a number is as wide as it is. */
    JLabel row(String label, JComponent field, String hint) {
        JLabel name = new JLabel();
        setText(name, label);
        name.setLabelFor(field);
        panel.add(name, at(0, 0, new Insets(5, 0, 3, 12)));
        GridBagConstraints place = at(1, 1, new Insets(4, 0, 3, 0));
        if (field instanceof JTextField text && text.getColumns() <= NUMBER_COLUMNS) {
            place.fill = GridBagConstraints.NONE;
        }
        panel.add(field, place);
        row++;
        if (hint != null) {
            hint(hint);
        }
        return name;
    }

    static void setText(JLabel label, String text) {
        label.setText(text.replace("&", ""));
        label.setDisplayedMnemonic(mnemonic(text));
        label.setDisplayedMnemonicIndex(text.indexOf('&'));
    }

    static <T extends AbstractButton> T button(T button, String text) {
        button.setText(text.replace("&", ""));
        button.setMnemonic(mnemonic(text));
        button.setDisplayedMnemonicIndex(text.indexOf('&'));
        return button;
    }

    private static char mnemonic(String text) {
        int at = text.indexOf('&');
        return at < 0 ? 0 : Character.toUpperCase(text.charAt(at + 1));
    }

    /** A field over both columns. */
    void wide(JComponent field) {
        GridBagConstraints whole = at(0, 1, new Insets(4, 0, 4, 0));
        whole.gridwidth = 2;
        panel.add(field, whole);
        row++;
    }

    JLabel hint(String text) {
        JLabel hint = new JLabel(text);
        hint.setForeground(Objects.requireNonNullElse(UIManager.getColor("Label.disabledForeground"), Color.GRAY));
        hint.setFont(hint.getFont().deriveFont(hint.getFont().getSize2D() - 1));
        panel.add(hint, at(1, 1, new Insets(0, 2, 6, 0)));
        row++;
        return hint;
    }

    /** Takes what room is left at the bottom. */
    void fill() {
        GridBagConstraints rest = at(0, 0, new Insets(0, 0, 0, 0));
        rest.weighty = 1;
        panel.add(Box.createGlue(), rest);
    }

    private GridBagConstraints at(int column, double weight, Insets insets) {
        return new GridBagConstraints(column, row, 1, 1, weight, 0, GridBagConstraints.LINE_START, GridBagConstraints.HORIZONTAL, insets, 0, 0);
    }
}
