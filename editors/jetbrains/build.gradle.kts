// What both parts have in common.
subprojects {
    repositories {
        mavenCentral()
    }
    plugins.withType<JavaPlugin> {
        configure<JavaPluginExtension> {
            toolchain {
                languageVersion = JavaLanguageVersion.of(21)
            }
        }
        tasks.withType<JavaCompile>().configureEach {
            options.release = 17
            options.encoding = "UTF-8"
        }
    }
}

tasks.wrapper {
    gradleVersion = "8.14.3"
}
