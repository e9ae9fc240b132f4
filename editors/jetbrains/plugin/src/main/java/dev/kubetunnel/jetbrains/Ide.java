package dev.kubetunnel.jetbrains;

import com.intellij.openapi.application.ApplicationInfo;
import com.intellij.openapi.application.ApplicationManager;
import com.intellij.openapi.application.ModalityState;
import java.util.concurrent.Future;

/** The IDE around the plugin. */
final class Ide {
    private Ide() {}

    static String name() {
        return ApplicationInfo.getInstance().getVersionName();
    }

    static String version() {
        return ApplicationInfo.getInstance().getFullVersion();
    }

    /** Runs it on the UI's thread, soon. */
    static void onUi(Runnable task) {
        ApplicationManager.getApplication().invokeLater(task, ModalityState.any());
    }

    static Future<?> inBackground(Runnable task) {
        return ApplicationManager.getApplication().executeOnPooledThread(task);
    }
}
