package dev.kubetunnel.jetbrains;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.kubetunnel.core.Folders;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/** The build for people has the libraries that are tested here. */
class BuildsTest {
    private static String read(String path) throws Exception {
        return Files.readString(Folders.project().resolve(path));
    }

    private static Map<String, String> versions(String text, String pattern) {
        Map<String, String> found = new TreeMap<>();
        Matcher matcher = Pattern.compile(pattern, Pattern.DOTALL).matcher(text);
        while (matcher.find()) {
            found.put(matcher.group(1), matcher.group(2));
        }
        return found;
    }

    @Test
    void bothBuildsHaveTheSameLibraries() throws Exception {
        Map<String, String> here = versions(read("scripts/jetbrains-jars.xml"), "<artifactId>([^<]+)</artifactId>\\s*<version>([^<]+)</version>");
        Map<String, String> there = versions(read("editors/jetbrains/core/build.gradle.kts"), "\"[\\w.]+:([\\w.-]+):([\\w.]+)\"");
        assertEquals(here.get("org.eclipse.lsp4j.jsonrpc"), there.get("org.eclipse.lsp4j.jsonrpc"));
        assertEquals(here.get("gson"), there.get("gson"));
        // JUnit counts its platform from 1, itself from 5.
        assertEquals(here.get("junit-platform-console-standalone"), there.get("junit-platform-launcher"));
        assertEquals(here.get("junit-platform-console-standalone").replaceFirst("1", "5"), there.get("junit-jupiter"));
    }

    @Test
    void theWrapperIsOfTheVersionThatTheBuildNames() throws Exception {
        Map<String, String> wrapper = versions(read("editors/jetbrains/gradle/wrapper/gradle-wrapper.properties"), "(gradle)-([\\d.]+)-bin");
        assertTrue(read("editors/jetbrains/build.gradle.kts").contains("gradleVersion = \"" + wrapper.get("gradle") + "\""));
    }

    @Test
    void aReleasesSecretsComeFromTheEnvironmentAndAreWrittenDown() throws Exception {
        Matcher named = Pattern.compile("environmentVariable\\(\"(\\w+)\"\\)").matcher(read("editors/jetbrains/plugin/build.gradle.kts"));
        Set<String> variables = new TreeSet<>();
        while (named.find()) {
            variables.add(named.group(1));
        }
        assertEquals(Set.of("CERTIFICATE_CHAIN", "PRIVATE_KEY", "PRIVATE_KEY_PASSWORD", "PUBLISH_TOKEN"), variables);
        String readme = read("editors/jetbrains/README.md");
        variables.forEach(variable -> assertTrue(readme.contains("`" + variable + "`"), variable));
    }

    @Test
    void theChangesTellOfThisVersion() throws Exception {
        String version = versions(read("editors/jetbrains/gradle.properties"), "(version)=([\\d.]+)").get("version");
        assertTrue(read("editors/jetbrains/CHANGELOG.html").contains("<h3>" + version + "</h3>"));
        assertTrue(Files.exists(Path.of(Folders.project().toString(), "editors/jetbrains/README.md")));
    }
}
