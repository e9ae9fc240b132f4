package dev.kubetunnel.jetbrains;

import java.util.List;

/** Texts as HTML. What comes from the cluster is escaped: by hand, because the platform's method for it was renamed. */
final class Html {
    private Html() {}

    static String escape(String text) {
        return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\"", "&quot;").replace("\n", "<br>");
    }

    static String lines(List<String> lines) {
        return "<html>" + escape(String.join("\n", lines)) + "</html>";
    }

    /** A line of which one part is grey. */
    static String noted(String text, String note) {
        return "<html><nobr>" + escape(text) + "&nbsp; <font color=\"#808080\">" + escape(note) + "</font></nobr></html>";
    }
}
