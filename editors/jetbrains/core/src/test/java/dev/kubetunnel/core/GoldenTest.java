package dev.kubetunnel.core;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.Gson;
import com.google.gson.JsonParser;
import dev.kubetunnel.protocol.Protocol;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import java.util.stream.Stream;
import org.eclipse.lsp4j.jsonrpc.json.MessageJsonHandler;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The golden messages of the contract, which Go has written: read and written again, nothing is lost. */
class GoldenTest {
    private static final Gson GSON = new MessageJsonHandler(Collections.emptyMap()).getGson();

    static List<Path> messages() throws IOException {
        try (Stream<Path> files = Files.list(Folders.project().resolve("protocol/testdata/wire"))) {
            return files.sorted().toList();
        }
    }

    @ParameterizedTest
    @MethodSource("messages")
    void readAndWrittenAgainItIsTheSame(Path file) throws Exception {
        String name = file.getFileName().toString();
        Class<?> type = Class.forName(Protocol.class.getName() + "$" + name.substring(0, name.indexOf('.')));
        String golden = Files.readString(file);
        Object message = GSON.fromJson(golden, type);
        assertEquals(JsonParser.parseString(golden), JsonParser.parseString(GSON.toJson(message)));
    }

    @Test
    void thereAreMessages() throws IOException {
        assertTrue(messages().size() > 40);
    }
}
