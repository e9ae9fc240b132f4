package dev.kubetunnel.jetbrains;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.kubetunnel.core.Folders;
import java.io.DataInputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/**
 * What the plugin uses of the platform is in api.txt, so that a person with a current IDE can look whether it is
 * still there. KUBETUNNEL_UPDATE=1 writes the file.
 */
class ApiTest {
    private static final String HEAD = "# What the plugin uses of the IntelliJ Platform, as its compiled classes name it. ApiTest compares; KUBETUNNEL_UPDATE=1 writes it.\n";
    private static final Pattern PLATFORM = Pattern.compile("(com/intellij|org/jetbrains|org/jdom)/[\\w/$]+");

    @Test
    void theListIsWhatTheClassesUse() throws IOException {
        Path file = Folders.project().resolve("editors/jetbrains/plugin/api.txt");
        TreeSet<String> used = new TreeSet<>();
        try (Stream<Path> classes = Files.walk(Folders.project().resolve("build/jetbrains/plugin-main"))) {
            for (Path path : classes.filter(path -> path.toString().endsWith(".class")).toList()) {
                read(path, used);
            }
        }
        String text = HEAD + String.join("\n", used) + "\n";
        if ("1".equals(System.getenv("KUBETUNNEL_UPDATE"))) {
            Files.writeString(file, text);
        }
        assertEquals(Files.readString(file), text, "api.txt is stale: make jetbrains-api");
    }

    /** Reads a class file's constant pool (JVMS 4.4): the classes, and the members with their descriptors. */
    private static void read(Path path, TreeSet<String> used) throws IOException {
        try (DataInputStream in = new DataInputStream(Files.newInputStream(path))) {
            in.readLong(); // magic and version
            int count = in.readUnsignedShort();
            Object[] pool = new Object[count];
            List<int[]> members = new ArrayList<>();
            for (int i = 1; i < count; i++) {
                int tag = in.readUnsignedByte();
                switch (tag) {
                    case 1 -> pool[i] = in.readUTF();
                    case 3, 4 -> in.readInt();
                    case 5, 6 -> {
                        in.readLong();
                        i++;
                    }
                    case 7, 8, 16, 19, 20 -> pool[i] = in.readUnsignedShort();
                    case 9, 10, 11 -> members.add(new int[] {in.readUnsignedShort(), in.readUnsignedShort()});
                    case 12 -> pool[i] = new int[] {in.readUnsignedShort(), in.readUnsignedShort()};
                    case 15 -> {
                        in.readUnsignedByte();
                        in.readUnsignedShort();
                    }
                    case 17, 18 -> in.readInt();
                    default -> throw new IOException(path + ": tag " + tag);
                }
            }
            for (Object constant : pool) {
                if (constant instanceof String text) {
                    // Names of classes, and descriptors and signatures, in which they stand.
                    Matcher matcher = PLATFORM.matcher(text);
                    while (matcher.find()) {
                        used.add(name(matcher.group()));
                    }
                }
            }
            for (int[] member : members) {
                String owner = (String) pool[(Integer) pool[member[0]]];
                if (PLATFORM.matcher(owner).matches()) {
                    int[] nameAndType = (int[]) pool[member[1]];
                    used.add(name(owner) + "#" + pool[nameAndType[0]] + " " + pool[nameAndType[1]]);
                }
            }
        }
    }

    private static String name(String internal) {
        return internal.replace('/', '.');
    }
}
