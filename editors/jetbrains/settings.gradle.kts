// The standard build, for people: see README.md. CI's own is scripts/jetbrains.sh.
pluginManagement {
    repositories {
        gradlePluginPortal()
        mavenCentral()
    }
}

rootProject.name = "kubetunnel-jetbrains"
include("core", "plugin")
