package dev.kubetunnel.jetbrains;

import com.intellij.openapi.util.text.StringUtil;

/** Text for Swing's labels in which one part is grey. What comes from the cluster is escaped. */
final class Html {
    private Html() {}

    static String noted(String text, String note) {
        return "<html>" + StringUtil.escapeXml(text) + "&nbsp; <font color=\"#808080\">" + StringUtil.escapeXml(note) + "</font></html>";
    }
}
