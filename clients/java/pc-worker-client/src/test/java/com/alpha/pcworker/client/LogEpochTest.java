package com.alpha.pcworker.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

class LogEpochTest {

    private static final String NIL = "00000000-0000-0000-0000-000000000000";

    @Test
    void aReaderThatKnowsNoEpochTakesTheFirst() {
        LogEpoch epoch = new LogEpoch("");

        assertFalse(epoch.isOther("a"));
        epoch.know("a");

        assertFalse(epoch.isOther("a"));
        assertTrue(epoch.isOther("b"));
    }

    @Test
    void logsWithoutAnEpochAndSlicesWithoutRowsAreNoChange() {
        LogEpoch epoch = new LogEpoch("a");

        assertFalse(epoch.isOther("") || epoch.isOther(NIL));
        epoch.know("");
        epoch.know(NIL);

        assertEquals("a", epoch.current());
    }

    @Test
    void aRestoredLogIsAnotherWhateverItsEpoch() {
        LogEpoch epoch = new LogEpoch("a");
        epoch.restored();

        assertTrue(epoch.isOther("a"));
        LogChange change = epoch.changeTo("b", "model@1", 7);

        assertEquals(new LogChange("a", "b", "model@1", 7, true), change);
        assertFalse(epoch.isOther("b"));
    }
}
