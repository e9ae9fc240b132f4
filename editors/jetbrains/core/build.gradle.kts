plugins {
    `java-library`
}

// The versions are those of scripts/jetbrains-jars.xml: a test holds them equal.
dependencies {
    api("org.eclipse.lsp4j:org.eclipse.lsp4j.jsonrpc:0.24.0")
    api("com.google.code.gson:gson:2.13.2")
    testImplementation("org.junit.jupiter:junit-jupiter:5.13.4")
    testRuntimeOnly("org.junit.platform:junit-platform-launcher:1.13.4")
}

// Those tagged "cluster" need one: make test-jetbrains.
tasks.test {
    useJUnitPlatform { excludeTags("cluster") }
}
