package dev.kubetunnel.core;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SettingsTest {
    @Test
    void theServerIsTheNamedOneElseTheOneInPath(@TempDir Path folder) throws Exception {
        Path program = Files.createFile(folder.resolve("tunnel-server"));
        assertTrue(program.toFile().setExecutable(true));
        Map<String, String> path = Map.of("PATH", "/nowhere:" + folder);
        assertEquals(program, new Settings("", "", path).program());
        assertEquals(program, new Settings(" " + program + " ", "", Map.of()).program());
        assertEquals(program, new Settings("", "", Map.of(Settings.SERVER_VARIABLE, program.toString())).program());
        assertTrue(assertThrows(Failure.class, () -> new Settings("", "", Map.of("PATH", "/nowhere")).program()).getMessage().contains("not in PATH"));
        assertTrue(assertThrows(Failure.class, () -> new Settings("/nowhere/it", "", path).program()).getMessage().contains("/nowhere/it"));
    }

    @Test
    void windowsHasItsOwnCaseAndQuotesInPath(@TempDir Path folder) throws Exception {
        Path program = Files.createFile(folder.resolve("tunnel-server.exe"));
        assertTrue(program.toFile().setExecutable(true));
        String system = System.setProperty("os.name", "Windows 11");
        try {
            Map<String, String> path = Map.of("Path", "\0bad:\"" + folder + "\"");
            assertEquals(program, new Settings("", "", path).program());
        } finally {
            System.setProperty("os.name", system);
        }
    }

    @Test
    void whatIsNoServerIsToldAndLeavesNoProcess(@TempDir Path folder) throws Exception {
        Path program = Files.writeString(folder.resolve("tunnel-server"), "#!/bin/sh\necho no such flag >&2\nexit 3\n");
        assertTrue(program.toFile().setExecutable(true));
        Failure failure = assertThrows(Failure.class, () -> Connection.open(
                new Settings(program.toString(), "", Map.of("PATH", "/bin")), "test", "1", List.of(), new Events() {}));
        assertTrue(failure.getMessage().contains("ended with code 3"), failure.getMessage());
        assertEquals(0, ProcessHandle.current().children().filter(child -> child.info().commandLine().orElse("").contains(program.toString())).count());
    }
}
