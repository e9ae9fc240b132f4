package dev.kubetunnel.jetbrains;

import dev.kubetunnel.core.Plan;
import java.awt.BorderLayout;
import java.awt.Color;
import java.awt.Component;
import java.awt.event.ItemEvent;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import javax.swing.BorderFactory;
import javax.swing.ButtonGroup;
import javax.swing.DefaultComboBoxModel;
import javax.swing.DefaultListCellRenderer;
import javax.swing.JButton;
import javax.swing.JCheckBox;
import javax.swing.JComboBox;
import javax.swing.JComponent;
import javax.swing.JLabel;
import javax.swing.JList;
import javax.swing.JPanel;
import javax.swing.JRadioButton;
import javax.swing.JTextArea;
import javax.swing.JTextField;
import javax.swing.UIManager;

/** The fields of a plan. It asks nobody anything: who shows it fills the lists. */
final class PlanForm {
    /** A run configuration that can be chosen. */
    record Delegate(String type, String name, String typeName) {
        @Override
        public String toString() {
            return name;
        }
    }

    /** A Service with what there is to say of it. */
    record Choice(String name, String note) {
        @Override
        public String toString() {
            return name;
        }
    }

    private static final String RUN_WITH = "&Run configuration:";
    private static final String ATTACH_WITH = "&Attach with:";

    private final JComboBox<String> context = editable();
    private final JComboBox<String> namespace = editable();
    private final JComboBox<Choice> service = new JComboBox<>();
    private final JComboBox<String> port = editable();
    private final JTextField localPort = new JTextField(Form.NUMBER_COLUMNS);
    private final JCheckBox inherit = Form.button(new JCheckBox(), "&Take over the app's environment, files and identity");
    private final JRadioButton environment = Form.button(new JRadioButton(), "The &IDE runs a configuration here, with the pod's environment");
    private final JRadioButton attach = Form.button(new JRadioButton(), "The s&ession runs the program in the pod's place, and the IDE attaches to it");
    private final JComboBox<Delegate> delegate = new JComboBox<>();
    private final JTextField command = new JTextField(30);
    private final JTextField folder = new JTextField(30);
    private final JTextField debugPort = new JTextField(Form.NUMBER_COLUMNS);
    private final JTextArea findings = new JTextArea(2, 40);
    private final JButton fix = new JButton();
    private final JLabel delegateLabel;
    private final JLabel[] attachLabels;
    private final JPanel panel;
    private Runnable targetChange = () -> { };
    private Runnable mending;
    private boolean filling;

    PlanForm() {
        service.setEditable(true);
        service.setRenderer(new NotedRenderer());
        delegate.setRenderer(new NotedRenderer());
        Form form = new Form();
        form.row("&Context:", context, null);
        form.row("&Namespace:", namespace, null);
        form.row("&Service:", service, null);
        form.row("&Port:", port, "Empty: the only one, or each on which the program listens");
        form.row("&Local port:", localPort, "Where the program listens here; empty: the same port as in the pod");
        form.row("", inherit, null);
        ButtonGroup ways = new ButtonGroup();
        ways.add(environment);
        ways.add(attach);
        form.wide(environment);
        form.wide(attach);
        delegateLabel = form.row(RUN_WITH, delegate, null);
        JLabel commandLabel = form.row("Co&mmand:", command, null);
        JLabel commandHint = form.hint("As in a terminal: java -jar cart.jar, say");
        JLabel folderLabel = form.row("&Working directory:", folder, null);
        JLabel folderHint = form.hint("Empty: the project's folder");
        JLabel debugLabel = form.row("&Debug port:", debugPort, null);
        JLabel debugHint = form.hint("Empty: the customary one of the program's kind");
        attachLabels = new JLabel[] {commandLabel, commandHint, folderLabel, folderHint, debugLabel, debugHint};
        form.wide(findingsPanel());
        form.fill();
        panel = form.panel();
        panel.setBorder(BorderFactory.createEmptyBorder(8, 8, 8, 8));
        fix.addActionListener(event -> {
            if (mending != null) {
                mending.run();
            }
        });
        environment.addActionListener(event -> showWay());
        attach.addActionListener(event -> showWay());
        List<JComboBox<?>> target = List.of(context, namespace, service, port);
        target.forEach(box -> box.addItemListener(event -> {
            if (event.getStateChange() == ItemEvent.SELECTED && !filling) {
                targetChange.run();
            }
        }));
        localPort.addActionListener(event -> targetChange.run());
        inherit.addActionListener(event -> targetChange.run());
    }

    private JComponent findingsPanel() {
        findings.setEditable(false);
        findings.setLineWrap(true);
        findings.setWrapStyleWord(true);
        findings.setOpaque(false);
        findings.setBackground(new Color(0, true)); // some looks paint it all the same
        findings.setBorder(null);
        findings.getAccessibleContext().setAccessibleName("What the cluster says of the target");
        fix.setVisible(false);
        JPanel below = new JPanel(new BorderLayout(8, 0));
        below.add(findings, BorderLayout.CENTER);
        below.add(fix, BorderLayout.LINE_END);
        return below;
    }

    JComponent component() {
        return panel;
    }

    /** Called when the target has become another one by the user's hand. */
    void onTargetChange(Runnable change) {
        targetChange = change;
    }

    void show(Plan plan) {
        fill(() -> {
            context.setSelectedItem(plan.context);
            namespace.setSelectedItem(plan.namespace);
            service.setSelectedItem(choice(plan.service));
            port.setSelectedItem(plan.port);
            localPort.setText(plan.localPort == 0 ? "" : String.valueOf(plan.localPort));
            inherit.setSelected(plan.inherit);
            environment.setSelected(plan.way == Plan.Way.ENVIRONMENT);
            attach.setSelected(plan.way == Plan.Way.ATTACH);
            delegate.setSelectedItem(delegateOf(plan));
            command.setText(plan.command);
            folder.setText(plan.folder);
            debugPort.setText(plan.debugPort == 0 ? "" : String.valueOf(plan.debugPort));
        });
        showWay();
    }

    Plan plan() {
        Plan plan = new Plan();
        plan.context = text(context);
        plan.namespace = text(namespace);
        plan.service = text(service);
        plan.port = text(port);
        plan.localPort = number(localPort);
        plan.inherit = inherit.isSelected();
        plan.way = attach.isSelected() ? Plan.Way.ATTACH : Plan.Way.ENVIRONMENT;
        if (delegate.getSelectedItem() instanceof Delegate chosen) {
            plan.delegateType = chosen.type();
            plan.delegateName = chosen.name();
        }
        plan.command = command.getText().strip();
        plan.folder = folder.getText().strip();
        plan.debugPort = number(debugPort);
        return plan;
    }

    void setContexts(List<String> names) {
        refill(context, names);
    }

    void setNamespaces(List<String> names) {
        refill(namespace, names);
    }

    void setServices(List<Choice> choices) {
        String chosen = text(service);
        fill(() -> {
            service.setModel(new DefaultComboBoxModel<>(choices.toArray(new Choice[0])));
            service.setSelectedItem(choice(chosen));
        });
    }

    List<String> services() {
        List<String> names = new ArrayList<>();
        for (int i = 0; i < service.getItemCount(); i++) {
            names.add(service.getItemAt(i).name());
        }
        return names;
    }

    String findings() {
        return findings.getText();
    }

    /** Presses the button beside the findings. */
    void mend() {
        fix.doClick();
    }

    void setPorts(List<String> names) {
        refill(port, names);
    }

    void setDelegates(List<Delegate> delegates) {
        fill(() -> {
            delegate.setModel(new DefaultComboBoxModel<>(delegates.toArray(new Delegate[0])));
            delegate.insertItemAt(null, 0);
        });
    }

    /** What the server says; fixTitle and mend are null when there is nothing to press. */
    void setFindings(String text, boolean error, String fixTitle, Runnable mend) {
        Color normal = UIManager.getColor("Label.foreground");
        Color red = Objects.requireNonNullElse(UIManager.getColor("Label.errorForeground"), new Color(0xC7222D));
        findings.setForeground(error ? red : normal);
        findings.setText(text);
        mending = mend;
        fix.setVisible(mend != null);
        fix.setText(fixTitle == null ? "" : fixTitle);
    }

    private void showWay() {
        boolean attaches = attach.isSelected();
        Form.setText(delegateLabel, attaches ? ATTACH_WITH : RUN_WITH);
        for (JLabel label : attachLabels) {
            label.setVisible(attaches);
            if (label.getLabelFor() != null) {
                label.getLabelFor().setVisible(attaches);
            }
        }
        panel.revalidate();
    }

    private Delegate delegateOf(Plan plan) {
        for (int i = 0; i < delegate.getItemCount(); i++) {
            Delegate there = delegate.getItemAt(i);
            if (there != null && there.name().equals(plan.delegateName) && there.type().equals(plan.delegateType)) {
                return there;
            }
        }
        if (plan.delegateName.isEmpty()) {
            return null;
        }
        // One that was deleted stays to be seen, and is complained about.
        Delegate gone = new Delegate(plan.delegateType, plan.delegateName, "not there any more");
        delegate.addItem(gone);
        return gone;
    }

    private Choice choice(String name) {
        for (int i = 0; i < service.getItemCount(); i++) {
            if (service.getItemAt(i).name().equals(name)) {
                return service.getItemAt(i);
            }
        }
        return new Choice(name, "");
    }

    private void refill(JComboBox<String> box, List<String> items) {
        String chosen = text(box);
        fill(() -> {
            box.setModel(new DefaultComboBoxModel<>(items.toArray(new String[0])));
            box.setSelectedItem(chosen);
        });
    }

    private void fill(Runnable change) {
        boolean before = filling;
        filling = true;
        try {
            change.run();
        } finally {
            filling = before;
        }
    }

    private static JComboBox<String> editable() {
        JComboBox<String> box = new JComboBox<>();
        box.setEditable(true);
        return box;
    }

    private static String text(JComboBox<?> box) {
        Object item = box.isEditable() ? box.getEditor().getItem() : box.getSelectedItem();
        return item == null ? "" : item.toString().strip();
    }

    private static long number(JTextField field) {
        String text = field.getText().strip();
        if (text.isEmpty()) {
            return 0;
        }
        try {
            return Long.parseLong(text);
        } catch (NumberFormatException e) {
            return -1; // complained about: no port
        }
    }

    /** A name, and in grey what there is to say of it. */
    private static final class NotedRenderer extends DefaultListCellRenderer {
        private static final long serialVersionUID = 1L;

        @Override
        public Component getListCellRendererComponent(JList<?> list, Object value, int index, boolean selected, boolean focus) {
            Component component = super.getListCellRendererComponent(list, value, index, selected, focus);
            String note = value instanceof Choice choice ? choice.note() : value instanceof Delegate delegate ? delegate.typeName() : "";
            if (value == null) {
                setText("(none)");
            } else if (!note.isEmpty()) {
                setText(Html.noted(value.toString(), note));
            }
            return component;
        }
    }
}
