package dev.kubetunnel.jetbrains;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.Gson;
import com.google.gson.JsonParser;
import dev.kubetunnel.core.Folders;
import dev.kubetunnel.core.Plan;
import dev.kubetunnel.protocol.Protocol.ListContextsResult;
import dev.kubetunnel.protocol.Protocol.ListServicesResult;
import dev.kubetunnel.protocol.Protocol.ListSessionsResult;
import java.awt.Color;
import java.awt.Component;
import java.awt.Container;
import java.awt.Dimension;
import java.awt.Graphics2D;
import java.awt.RenderingHints;
import java.awt.image.BufferedImage;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.time.ZoneId;
import java.time.format.DateTimeFormatter;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import javax.imageio.ImageIO;
import javax.swing.AbstractButton;
import javax.swing.JComponent;
import javax.swing.JLabel;
import javax.swing.JTree;
import javax.swing.UIManager;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Draws what people see into build/jetbrains, to be looked at, and holds that it shows what it is given. */
class ScreensTest {
    private Headless ide;

    @BeforeEach
    void open() throws Exception {
        UIManager.setLookAndFeel("javax.swing.plaf.nimbus.NimbusLookAndFeel");
        ide = new Headless();
    }

    @AfterEach
    void close() throws Exception {
        ide.close();
    }

    private static <T> T golden(String file, Class<T> type) throws Exception {
        return new Gson().fromJson(JsonParser.parseString(Files.readString(Folders.project().resolve("protocol/testdata/wire/" + file))), type);
    }

    /** Swing lays out what has a window only: here it is done by hand. */
    private static void layOut(Component component) {
        component.doLayout();
        if (component instanceof Container container) {
            for (Component child : container.getComponents()) {
                layOut(child);
            }
        }
    }

    private static void draw(JComponent component, int width, int height, String name) throws Exception {
        component.setSize(new Dimension(width, height));
        layOut(component);
        layOut(component);
        BufferedImage image = new BufferedImage(width, height, BufferedImage.TYPE_INT_RGB);
        Graphics2D graphics = image.createGraphics();
        graphics.setRenderingHint(RenderingHints.KEY_TEXT_ANTIALIASING, RenderingHints.VALUE_TEXT_ANTIALIAS_ON);
        graphics.setColor(new Color(0xF2F2F2));
        graphics.fillRect(0, 0, width, height);
        component.printAll(graphics);
        graphics.dispose();
        Path file = Folders.project().resolve("build/jetbrains/" + name + ".png");
        Files.createDirectories(file.getParent());
        ImageIO.write(image, "png", file.toFile());
        int background = image.getRGB(1, 1);
        int drawn = 0;
        for (int x = 0; x < width; x += 2) {
            for (int y = 0; y < height; y += 2) {
                drawn += image.getRGB(x, y) == background ? 0 : 1;
            }
        }
        assertTrue(drawn > 500, name + " is empty");
    }

    private static PlanForm form() {
        PlanForm form = new PlanForm();
        form.setContexts(List.of("kind-dev", "prod"));
        form.setNamespaces(List.of("default", "shop"));
        form.setServices(List.of(new PlanForm.Choice("cart", "80"), new PlanForm.Choice("prices", "ann on desk, live")));
        form.setPorts(List.of("", "http"));
        form.setDelegates(List.of(new PlanForm.Delegate("GoApplicationRunConfiguration", "cart", "Go Build"),
                new PlanForm.Delegate("Remote", "attach to cart", "Remote JVM Debug")));
        return form;
    }

    @Test
    void theEditorForAConfigurationThatTheIdeRuns() throws Exception {
        Plan plan = new Plan();
        plan.context = "kind-dev";
        plan.namespace = "shop";
        plan.service = "cart";
        plan.delegateType = "GoApplicationRunConfiguration";
        plan.delegateName = "cart";
        Headless.onUi(() -> {
            PlanForm form = form();
            form.show(plan);
            form.setFindings("The Service can be debugged.", false, null, null);
            assertEquals(plan.save(), form.plan().save());
            draw(form.component(), 620, 430, "editor");
            return null;
        });
    }

    @Test
    void theEditorForAProgramThatTheSessionRuns() throws Exception {
        Plan plan = new Plan();
        plan.service = "cart";
        plan.port = "http";
        plan.localPort = 8080;
        plan.inherit = false;
        plan.way = Plan.Way.ATTACH;
        plan.delegateType = "Remote";
        plan.delegateName = "attach to cart";
        plan.command = "java -jar cart.jar";
        plan.folder = "/home/ann/shop";
        plan.debugPort = 5005;
        Headless.onUi(() -> {
            PlanForm form = form();
            form.show(plan);
            form.setFindings("KT1101: the operator is not installed in the cluster of context kind-dev, so nothing can switch the Service", true,
                    "Install the operator", () -> { });
            assertEquals(plan.save(), form.plan().save());
            draw(form.component(), 620, 560, "editor-attach");
            return null;
        });
    }

    @Test
    void aDeletedConfigurationAndWhatIsNoPortAreKeptToBeComplainedAbout() throws Exception {
        Plan plan = new Plan();
        plan.service = "cart";
        plan.delegateType = "Gone";
        plan.delegateName = "gone";
        Headless.onUi(() -> {
            PlanForm form = form();
            form.show(plan);
            assertEquals("gone", form.plan().delegateName);
            return null;
        });
    }

    @Test
    void theToolWindow() throws Exception {
        ListSessionsResult sessions = golden("ListSessionsResult.list.json", ListSessionsResult.class);
        ListContextsResult contexts = golden("ListContextsResult.two.json", ListContextsResult.class);
        ListServicesResult services = golden("ListServicesResult.cart.json", ListServicesResult.class);
        String since = "since " + Instant.parse(services.services.get(0).intercept.since).atZone(ZoneId.systemDefault())
                .format(DateTimeFormatter.ofPattern("d MMM HH:mm", Locale.ENGLISH));
        Headless.onUi(() -> {
            ClusterView view = new ClusterView(KubeTunnel.of(ide.project));
            view.show(sessions.sessions, List.of(
                    new ViewModel.Cluster(contexts.contexts.get(0), List.of(new ViewModel.Namespace("default", null, null),
                            new ViewModel.Namespace("shop", services.services, null)), null),
                    new ViewModel.Cluster(contexts.contexts.get(1), null, null)), null);
            JTree tree = view.tree();
            StringBuilder text = new StringBuilder();
            for (int row = 0; row < tree.getRowCount(); row++) {
                text.append(tree.getPathForRow(row).getLastPathComponent()).append('\n');
            }
            for (String want : List.of("Sessions", "cart live", "Switched the Service", "Cluster", "kind-dev current", "shop", "cart you, live " + since)) {
                assertTrue(text.toString().contains(want), want + " is not in\n" + text);
            }
            assertEquals("<html>ClusterIP shop/cart<br>http 80/TCP → web (8080)<br>Deployment cart: 1 of 2 ready<br>shop/cart:1<br>"
                    + "Intercept cart-0a1b2c3d of ann on desk: Live, " + since + "<br>ann debugs it</html>", tip(tree, "cart you, live " + since));
            draw(view.component(), 720, 420, "toolwindow");
            com.intellij.openapi.util.Disposer.dispose(view);
            return null;
        });
    }

    private static String tip(JTree tree, String line) {
        for (int row = 0; row < tree.getRowCount(); row++) {
            Object node = tree.getPathForRow(row).getLastPathComponent();
            if (node.toString().equals(line)) {
                Component drawn = tree.getCellRenderer().getTreeCellRendererComponent(tree, node, false, true, true, row, false);
                return ((JComponent) drawn).getToolTipText();
            }
        }
        throw new AssertionError("no line " + line);
    }

    /** Two fields of one screen with one mnemonic: the second can't be reached. */
    @Test
    void eachFieldHasAMnemonicOfItsOwn() throws Exception {
        Headless.onUi(() -> {
            for (Plan.Way way : Plan.Way.values()) {
                Plan plan = new Plan();
                plan.way = way;
                PlanForm form = form();
                form.show(plan);
                Set<Integer> seen = new HashSet<>();
                for (Component each : form.component().getComponents()) {
                    int mnemonic = !each.isVisible() ? 0
                            : each instanceof JLabel label && label.getLabelFor() != null ? mnemonic(label)
                            : each instanceof AbstractButton button ? button.getMnemonic() : 0;
                    assertTrue(mnemonic == 0 || seen.add(mnemonic), way + ": two have the mnemonic " + (char) mnemonic);
                }
                assertEquals(way == Plan.Way.ATTACH ? 12 : 9, seen.size(), way.name());
            }
            return null;
        });
    }

    private static int mnemonic(JLabel label) {
        assertTrue(label.getText().isEmpty() || label.getDisplayedMnemonic() != 0, label.getText());
        return label.getDisplayedMnemonic();
    }

    @Test
    void theSettings() throws Exception {
        new Options("/opt/kubetunnel/tunnel-server", "").save();
        Headless.onUi(() -> {
            OptionsPage page = new OptionsPage();
            JComponent component = page.createComponent();
            assertEquals(false, page.isModified());
            draw(component, 620, 170, "settings");
            page.disposeUIResources();
            return null;
        });
    }
}
