package com.alpha.pcworker.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.alpha.backend.grpc.ConsumeChunk;
import com.alpha.backend.grpc.ConsumeEndOfLog;
import com.alpha.backend.grpc.ConsumeTombstone;
import com.alpha.backend.grpc.RowChunk;
import org.junit.jupiter.api.Test;

class CallLedgerTest {

    private static final String ROW = "018f3a5e-7c00-7abc-8def-0123456789ab";
    private static final String GONE = "018f3a5e-7c00-7abc-8def-0123456789ac";
    // crc32c of ROW's bytes, 1 as 8 bytes, GONE's bytes and 2 as 8 bytes, computed by another implementation.
    private static final int CHECKSUM = 0xaa0d23d5;

    private final CallLedger ledger = new CallLedger(2, 100);

    private static ConsumeChunk chunk(long after, long position) {
        return ConsumeChunk.newBuilder().setAfterPosition(after).setPosition(position).build();
    }

    @Test
    void theTotalsOfRowsAndTombstonesAreCompared() {
        ledger.opened(0);
        ledger.chunk(
                chunk(0, 2).toBuilder()
                        .setRows(RowChunk.newBuilder().addRowIds(ROW).addPositions(1))
                        .addTombstones(ConsumeTombstone.newBuilder().setRowId(GONE).setPosition(2))
                        .build(),
                10);
        ConsumeEndOfLog end = ConsumeEndOfLog.newBuilder()
                .setPosition(3).setRows(1).setTombstones(1).setChunks(1).setChecksum(CHECKSUM)
                .build();

        ledger.endOfLog(end);

        assertEquals(3, ledger.received());
        assertThrows(
                ContractBrokenException.class,
                () -> ledger.endOfLog(end.toBuilder().setChecksum(CHECKSUM + 1).build()));
        assertThrows(
                ContractBrokenException.class, () -> ledger.endOfLog(end.toBuilder().setRows(2).build()));
    }

    @Test
    void aGapOrAStepBackIsNoChunk() {
        ledger.opened(5);

        assertThrows(ContractBrokenException.class, () -> ledger.chunk(chunk(6, 7), 1));
        assertThrows(ContractBrokenException.class, () -> ledger.chunk(chunk(4, 6), 1));
        assertThrows(ContractBrokenException.class, () -> ledger.chunk(chunk(5, 5), 1));
    }

    @Test
    void creditIsInUseUntilItsChunkIsSettled() {
        ledger.opened(0);
        ledger.chunk(chunk(0, 10), 60);
        assertTrue(ledger.hasRoom(40));
        assertFalse(ledger.hasRoom(41));
        ledger.chunk(chunk(10, 20), 30);
        assertFalse(ledger.hasRoom(1));

        assertEquals(0, ledger.settle(9).getChunks());
        assertEquals(60, ledger.settle(10).getBytes());
        assertEquals(30, ledger.settle(25).getBytes());
        assertTrue(ledger.hasRoom(1000)); // a chunk larger than the whole credit can come alone
    }
}
