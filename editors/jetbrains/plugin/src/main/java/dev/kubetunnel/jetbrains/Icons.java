package dev.kubetunnel.jetbrains;

import com.intellij.openapi.util.IconLoader;
import javax.swing.Icon;

/** The plugin's icons. */
final class Icons {
    static final Icon KUBETUNNEL = IconLoader.getIcon("/icons/kubetunnel.svg", Icons.class);

    private Icons() {}
}
