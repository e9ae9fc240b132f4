package dev.kubetunnel.jetbrains;

import com.intellij.execution.filters.Filter;
import com.intellij.execution.filters.TextConsoleBuilder;
import com.intellij.execution.filters.TextConsoleBuilderFactory;
import com.intellij.execution.process.ProcessAdapter;
import com.intellij.execution.process.ProcessEvent;
import com.intellij.execution.process.ProcessHandler;
import com.intellij.execution.ui.ConsoleView;
import com.intellij.openapi.project.Project;
import com.intellij.openapi.util.Key;
import com.intellij.psi.search.GlobalSearchScope;
import javax.swing.JPanel;

/** A console that keeps what a process writes. */
final class Console {
    private final StringBuffer text = new StringBuffer();
    volatile ProcessHandler process;

    String text() {
        return text.toString();
    }

    TextConsoleBuilderFactory factory() {
        return new TextConsoleBuilderFactory() {
            @Override
            public TextConsoleBuilder createBuilder(Project project) {
                return builder();
            }

            @Override
            public TextConsoleBuilder createBuilder(Project project, GlobalSearchScope scope) {
                return builder();
            }
        };
    }

    private TextConsoleBuilder builder() {
        return new TextConsoleBuilder() {
            @Override
            public ConsoleView getConsole() {
                return Headless.stub(ConsoleView.class, (proxy, method, arguments) -> {
                    if (method.getName().equals("attachToProcess")) {
                        attach((ProcessHandler) arguments[0]);
                    }
                    return method.getName().equals("getComponent") ? new JPanel() : null;
                });
            }

            @Override
            public void addFilter(Filter filter) {}

            @Override
            public void setViewer(boolean isViewer) {}
        };
    }

    private void attach(ProcessHandler handler) {
        handler.addProcessListener(new ProcessAdapter() {
            @Override
            public void onTextAvailable(ProcessEvent event, Key type) {
                text.append(event.getText());
            }
        });
        process = handler;
    }
}
