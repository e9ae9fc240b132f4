package dev.kubetunnel.jetbrains;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.intellij.openapi.util.Disposer;
import dev.kubetunnel.core.Stage;
import java.util.concurrent.Callable;
import javax.swing.JTree;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** The tool window as a cluster changes, while nobody touches it. */
@Tag("cluster")
class ViewTest {
    @RegisterExtension
    final Desk desk = new Desk();

    private ClusterView view;

    private String text() throws Exception {
        StringBuilder text = new StringBuilder();
        Headless.onUi(() -> {
            JTree tree = view.tree();
            for (int row = 0; row < tree.getRowCount(); row++) {
                text.append(tree.getPathForRow(row).getLastPathComponent()).append('\n');
            }
            return null;
        });
        return text.toString();
    }

    private void until(String what, Callable<Boolean> seen) {
        Stage.until(what, () -> {
            if (!seen.call()) {
                throw new IllegalStateException("the view says\n" + text());
            }
            return true;
        });
    }

    @Test
    void itTellsWhoDebugsAServiceAsThatBeginsAndEnds() throws Exception {
        Headless.onUi(() -> {
            view = new ClusterView(KubeTunnel.of(desk.ide.project));
            view.look(true);
            return null;
        });
        until("the Services", () -> text().contains("\nprices ") && text().contains("\ncart "));
        desk.live();
        until("the intercept", () -> text().contains("\ncart you, live"));
        Headless.onUi(() -> {
            view.stop(KubeTunnel.of(desk.ide.project).sessions().get(0));
            return null;
        });
        until("its end", () -> text().contains("\ncart ") && !text().contains("\ncart you"));
        int services = (int) text().lines().filter(line -> line.startsWith("prices ")).count();
        assertEquals(1, services, text());
        Headless.onUi(() -> {
            Disposer.dispose(view);
            return null;
        });
    }

    @Test
    void whatIsClosedIsNotFollowedAndIsTrueWhenItIsOpenedAgain() throws Exception {
        Headless.onUi(() -> {
            view = new ClusterView(KubeTunnel.of(desk.ide.project));
            view.look(true);
            return null;
        });
        until("the Services", () -> text().contains("\ncart "));
        row("shop", JTree::collapseRow);
        until("they are hidden", () -> !text().contains("\ncart "));
        desk.live();
        row("shop", JTree::expandRow);
        until("the intercept", () -> text().contains("\ncart you, live"));
        Headless.onUi(() -> {
            Disposer.dispose(view);
            return null;
        });
    }

    private interface OnRow {
        void act(JTree tree, int row);
    }

    /** Does something to the line that begins so. */
    private void row(String begin, OnRow what) throws Exception {
        Headless.onUi(() -> {
            JTree tree = view.tree();
            for (int row = tree.getRowCount() - 1; row >= 0; row--) {
                if (tree.getPathForRow(row).getLastPathComponent().toString().startsWith(begin)) {
                    what.act(tree, row);
                    return null;
                }
            }
            throw new AssertionError("no line " + begin);
        });
    }
}
