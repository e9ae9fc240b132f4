import org.jetbrains.intellij.platform.gradle.IntelliJPlatformType
import org.jetbrains.intellij.platform.gradle.models.ProductRelease

plugins {
    java
    id("org.jetbrains.intellij.platform") version "2.9.0"
}

repositories {
    intellijPlatform {
        defaultRepositories()
    }
}

dependencies {
    intellijPlatform {
        // The oldest that is supported. Which product is of no matter: the plugin uses what all of them have.
        intellijIdeaCommunity("2024.2")
        pluginVerifier()
        zipSigner()
    }
    implementation(project(":core"))
}

// The headless tests stand on the old platform that CI compiles, with implementations of its own
// in their places: they are not run here.
sourceSets {
    test {
        java.setSrcDirs(emptyList<String>())
    }
}

intellijPlatform {
    projectName = "kubetunnel"
    buildSearchableOptions = false
    pluginConfiguration {
        version = providers.gradleProperty("version")
        changeNotes = provider { rootProject.file("CHANGELOG.html").readText() }
        ideaVersion {
            sinceBuild = "242"
            untilBuild = provider { null }
        }
    }
    // Secrets come from the environment of who releases.
    signing {
        certificateChain = providers.environmentVariable("CERTIFICATE_CHAIN")
        privateKey = providers.environmentVariable("PRIVATE_KEY")
        password = providers.environmentVariable("PRIVATE_KEY_PASSWORD")
    }
    publishing {
        token = providers.environmentVariable("PUBLISH_TOKEN")
    }
    pluginVerification {
        ides {
            select {
                types = listOf(
                    IntelliJPlatformType.IntellijIdeaCommunity,
                    IntelliJPlatformType.IntellijIdeaUltimate,
                    IntelliJPlatformType.GoLand,
                    IntelliJPlatformType.PyCharmCommunity,
                    IntelliJPlatformType.WebStorm,
                    IntelliJPlatformType.Rider,
                    IntelliJPlatformType.CLion,
                    IntelliJPlatformType.RustRover,
                )
                channels = listOf(ProductRelease.Channel.RELEASE)
                sinceBuild = "242"
            }
        }
    }
}
