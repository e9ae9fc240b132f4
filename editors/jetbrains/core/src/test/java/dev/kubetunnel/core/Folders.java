package dev.kubetunnel.core;

import java.nio.file.Files;
import java.nio.file.Path;

/** Where things are in the project. */
public final class Folders {
    private Folders() {}

    /** The project's folder, from wherever below it the tests are run. */
    public static Path project() {
        Path folder = Path.of("").toAbsolutePath();
        while (!Files.exists(folder.resolve("go.mod"))) {
            folder = folder.getParent();
        }
        return folder;
    }
}
