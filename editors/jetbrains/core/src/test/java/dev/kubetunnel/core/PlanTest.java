package dev.kubetunnel.core;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.kubetunnel.protocol.Protocol.StartSessionParams;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class PlanTest {
    static Plan full() {
        Plan plan = new Plan();
        plan.context = "kind";
        plan.namespace = "shop";
        plan.service = "cart";
        plan.port = "http";
        plan.localPort = 9080;
        plan.inherit = false;
        plan.way = Plan.Way.ATTACH;
        plan.delegateType = "Remote";
        plan.delegateName = "attach";
        plan.command = "java -cp \"my classes\" Cart";
        plan.folder = "/src";
        plan.debugPort = 5005;
        return plan;
    }

    @Test
    void savedAndLoadedItIsTheSame() {
        Map<String, String> saved = full().save();
        assertEquals(12, saved.size());
        assertEquals(saved, Plan.load(saved).save());
        assertTrue(new Plan().save().isEmpty());
    }

    @Test
    void whatIsWrittenByHandBreaksNothing() {
        Plan plan = Plan.load(Map.of("localPort", "many", "way", "SIDEWAYS", "unknown", "1"));
        assertTrue(plan.save().isEmpty());
    }

    @Test
    void whatIsMissingIsTold() {
        Plan plan = new Plan();
        assertEquals(2, plan.missing().size());
        plan.service = "cart";
        plan.delegateName = "cart";
        assertTrue(plan.missing().isEmpty());
        plan.way = Plan.Way.ATTACH;
        assertEquals(1, plan.missing().size());
        plan.localPort = 70000;
        assertTrue(plan.missing().contains("A port is a number from 1 to 65535"));
    }

    @Test
    void eachWayStartsItsKindOfSession() {
        StartSessionParams attach = full().start("a");
        assertEquals(List.of("java", "-cp", "my classes", "Cart"), attach.command.args);
        assertNull(attach.command.expose);
        assertEquals(List.of(5005L), full().resolve().command.expose);
        assertEquals(Boolean.FALSE, attach.target.inherit);
        assertNull(attach.outside);
        Plan plan = new Plan();
        plan.service = "cart";
        StartSessionParams outside = plan.start("b");
        assertTrue(outside.outside);
        assertNull(outside.command);
        assertNull(outside.target.namespace);
        assertNull(outside.target.localPort);
        assertNull(outside.target.inherit);
    }

    @Test
    void commandLinesAreSplitAsPeopleMeanThem() {
        assertEquals(List.of(), CommandLine.split("  "));
        assertEquals(List.of("a", "b c", "", "d\"e", "f\\g", "hi"), CommandLine.split("a 'b c' \"\" \"d\\\"e\" f\\g h\"i\""));
        assertFalse(CommandLine.split("'open").isEmpty());
    }
}
