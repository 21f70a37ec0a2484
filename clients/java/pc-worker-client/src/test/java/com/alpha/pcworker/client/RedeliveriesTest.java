package com.alpha.pcworker.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.junit.jupiter.api.Test;

final class RedeliveriesTest {

    private final Redeliveries redeliveries = new Redeliveries();

    @Test
    void aRowIsAcknowledgedOnceWhenTheUpdateThatCoversItIsCommitted() {
        redeliveries.give(4);
        redeliveries.update();
        redeliveries.give(7);
        redeliveries.commit();

        assertEquals(List.of(4L), redeliveries.toAcknowledge());
        assertEquals(List.of(), redeliveries.toAcknowledge());
    }

    @Test
    void aRowThatIsNackedAgainIsNotAcknowledged() {
        redeliveries.give(4);
        redeliveries.beginNack(4);
        redeliveries.update();
        redeliveries.commit();

        assertEquals(List.of(), redeliveries.toAcknowledge());
    }

    @Test
    void aNackIsSentAgainInTheNextCallUntilItIsStored() {
        redeliveries.beginNack(4);
        redeliveries.nackIsSent();
        redeliveries.hangUp();

        assertFalse(redeliveries.isNackSent());
        redeliveries.nackIsStored(List.of(3L));
        assertTrue(redeliveries.isNacking());
        redeliveries.nackIsStored(List.of(3L, 4L));
        assertFalse(redeliveries.isNacking());
    }

    @Test
    void aReasonIsNeverEmptyNorLongerThanTheGatewayTakes() {
        assertEquals("no reason", Redeliveries.reason(null));
        assertEquals("no reason", Redeliveries.reason(" \n\0"));
        assertEquals("two lines", Redeliveries.reason("two\r\nlines"));
        assertEquals("too long", Redeliveries.reason(" too long "));
        assertEquals(500, Redeliveries.reason("x".repeat(501)).length());
        String faces = "\uD83D\uDE00".repeat(600);
        assertEquals(500, Redeliveries.reason(faces).codePointCount(0, 1000));
    }
}
