package dev.kubetunnel.jetbrains;

import com.intellij.notification.Notification;
import com.intellij.notification.NotificationAction;
import com.intellij.notification.NotificationType;
import com.intellij.notification.Notifications;
import com.intellij.openapi.project.Project;
import com.intellij.openapi.wm.ToolWindow;
import com.intellij.openapi.wm.ToolWindowManager;
import dev.kubetunnel.core.Failure;
import dev.kubetunnel.core.Plan;
import dev.kubetunnel.core.Words;
import dev.kubetunnel.protocol.Protocol.SessionInfo;

/** The plugin's notifications, each with what can be done next. */
final class Notices {
    /** As plugin.xml registers it. */
    static final String GROUP = "KubeTunnel";

    private Notices() {}

    static void information(Project project, String title, String text) {
        show(project, notification(title, text, NotificationType.INFORMATION));
    }

    static void failure(Project project, Plan plan, Failure failure) {
        if (failure.isCancelled()) {
            return;
        }
        Notification notification = notification("Debug in cluster: " + plan.service, failure.forPeople(), NotificationType.ERROR);
        Runnable fix = failure.fix() == null ? null : QuickFixes.of(project, plan, failure.fix());
        if (fix != null) {
            notification.addAction(NotificationAction.createSimple(QuickFixes.title(failure.fix()), fix));
        }
        showSessions(project, notification);
        show(project, notification);
    }

    static void sessionFailed(Project project, SessionInfo info) {
        Notification notification = notification("Debug in cluster: " + Words.target(info.target), Words.state(info), NotificationType.ERROR);
        showSessions(project, notification);
        show(project, notification);
    }

    /** sessions tells whether there were any. */
    static void serverGone(Project project, String how, boolean sessions) {
        Notification notification = notification("tunnel-server " + how, sessions
                ? "Its sessions are over, and it is started again to put their Services back. Stop what they ran, and start it again to go on."
                : "It is started again when it is needed.", NotificationType.WARNING);
        showSessions(project, notification);
        show(project, notification);
    }

    private static Notification notification(String title, String text, NotificationType type) {
        // The text is HTML there.
        return new Notification(GROUP, title, Html.escape(text), type);
    }

    private static void showSessions(Project project, Notification notification) {
        notification.addAction(NotificationAction.createSimple("Show sessions", () -> {
            ToolWindow window = ToolWindowManager.getInstance(project).getToolWindow(SessionsToolWindow.ID);
            if (window != null) {
                window.activate(null);
            }
        }));
    }

    private static void show(Project project, Notification notification) {
        if (!project.isDisposed()) {
            Notifications.Bus.notify(notification, project);
        }
    }
}
