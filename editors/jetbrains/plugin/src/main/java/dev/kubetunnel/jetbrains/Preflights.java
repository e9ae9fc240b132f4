package dev.kubetunnel.jetbrains;

import dev.kubetunnel.core.Connection;
import dev.kubetunnel.core.Failure;
import dev.kubetunnel.core.Plan;
import dev.kubetunnel.protocol.Protocol.Diagnostic;
import dev.kubetunnel.protocol.Protocol.PreflightParams;
import dev.kubetunnel.protocol.Protocol.Severity;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/** What the server has found out about targets. Asking blocks; what was last found can be had at any time. */
final class Preflights {
    private final KubeTunnel kubetunnel;
    private final Map<String, List<Diagnostic>> found = new ConcurrentHashMap<>();

    Preflights(KubeTunnel kubetunnel) {
        this.kubetunnel = kubetunnel;
    }

    /** What is known of a plan's target, without asking; empty when nothing is. */
    List<Diagnostic> known(Plan plan) {
        return found.getOrDefault(key(plan), List.of());
    }

    /** Asks the server. A server that can't be asked is a finding, too. */
    List<Diagnostic> ask(Plan plan) {
        List<Diagnostic> now;
        try {
            Connection connection = kubetunnel.connection();
            PreflightParams params = new PreflightParams();
            params.target = plan.target();
            now = connection.answer(connection.server().preflight(params)).get().diagnostics;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return known(plan);
        } catch (Exception e) {
            now = List.of(finding(Failure.of(e)));
        }
        found.put(key(plan), now);
        return now;
    }

    static String text(Diagnostic finding) {
        String text = finding.code > 0 ? "KT" + finding.code + ": " + finding.message : finding.message;
        return finding.fix == null || finding.fix.command == null ? text : text + " (" + finding.fix.command + ")";
    }

    private static Diagnostic finding(Failure failure) {
        Diagnostic finding = new Diagnostic();
        finding.severity = Severity.ERROR;
        finding.code = failure.code();
        finding.message = failure.getMessage();
        finding.fix = failure.fix();
        return finding;
    }

    private static String key(Plan plan) {
        return String.join("\n", plan.context, plan.namespace, plan.service, plan.port, String.valueOf(plan.localPort), String.valueOf(plan.inherit));
    }
}
