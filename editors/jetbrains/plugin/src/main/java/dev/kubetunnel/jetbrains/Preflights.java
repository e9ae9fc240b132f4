package dev.kubetunnel.jetbrains;

import dev.kubetunnel.core.Await;
import dev.kubetunnel.core.Connection;
import dev.kubetunnel.core.Failure;
import dev.kubetunnel.core.Plan;
import dev.kubetunnel.protocol.Protocol.Diagnostic;
import dev.kubetunnel.protocol.Protocol.PreflightParams;
import dev.kubetunnel.protocol.Protocol.Severity;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.BooleanSupplier;

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
    List<Diagnostic> ask(Plan plan, BooleanSupplier cancelled) {
        List<Diagnostic> now;
        try {
            Connection connection = kubetunnel.connection(cancelled);
            PreflightParams params = new PreflightParams();
            params.target = plan.target();
            now = Await.of(connection.answer(connection.server().preflight(params)), cancelled).diagnostics;
        } catch (Failure e) {
            if (e.isCancelled()) {
                return known(plan);
            }
            now = List.of(finding(e));
        }
        found.put(key(plan), now);
        return now;
    }

    /** What was found is of no use any more: the target was tried. */
    void forget(Plan plan) {
        found.remove(key(plan));
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
