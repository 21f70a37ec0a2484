package com.alpha.pcworker.client;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.alpha.backend.grpc.CandidateRow;
import com.alpha.backend.grpc.CandidateRowChunk;
import com.alpha.backend.grpc.ConsumeChunk;
import com.alpha.backend.grpc.ConsumeTombstone;
import com.alpha.backend.grpc.DocumentRow;
import com.alpha.backend.grpc.DocumentRowChunk;
import com.alpha.backend.grpc.Passage;
import com.alpha.backend.grpc.RecruitRow;
import com.alpha.backend.grpc.RecruitRowChunk;
import com.alpha.backend.grpc.RowChunk;
import com.alpha.backend.grpc.SkillEmbeddingDicRow;
import com.alpha.backend.grpc.SkillEmbeddingDicRowChunk;
import java.util.List;
import org.junit.jupiter.api.Test;

class ChunksTest {

    private static final String A = "00000000-0000-7000-8000-00000000000a";
    private static final String B = "00000000-0000-7000-8000-00000000000b";
    private static final String C = "00000000-0000-7000-8000-00000000000c";

    private static RowChunk.Builder recruits(RecruitRow... rows) {
        return RowChunk.newBuilder().setRecruit(RecruitRowChunk.newBuilder().addAllRows(List.of(rows)));
    }

    @Test
    void aNullIsNeitherZeroNorEmpty() {
        RecruitRow zero = RecruitRow.newBuilder().setExperienceYears(0).setEnglishLevel("").build();
        RowChunk chunk = recruits(zero, RecruitRow.getDefaultInstance())
                .addAllRowIds(List.of(A, B))
                .addAllPositions(List.of(1L, 2L))
                .build();

        List<Row> rows = Chunks.rows(chunk);

        RecruitRow first = assertInstanceOf(RecruitRow.class, rows.get(0).message());
        RecruitRow second = assertInstanceOf(RecruitRow.class, rows.get(1).message());
        assertTrue(first.hasExperienceYears() && first.hasEnglishLevel());
        assertFalse(second.hasExperienceYears() || second.hasEnglishLevel());
    }

    @Test
    void vectorsOfEveryKindAreRead() {
        float[] vector = {0.6f, -0.8f};
        RecruitRow recruit = RecruitRow.newBuilder().addAllSkillsVector(List.of(0.6f, -0.8f)).build();
        CandidateRow candidate = CandidateRow.newBuilder().addAllSkillsVector(List.of(0.6f, -0.8f)).build();
        SkillEmbeddingDicRow skill = SkillEmbeddingDicRow.newBuilder().addAllSkillVector(List.of(0.6f, -0.8f)).build();
        Passage passage = Passage.newBuilder().setStart(3).setEnd(9).addAllVector(List.of(0.6f, -0.8f)).build();
        DocumentRow document = DocumentRow.newBuilder().addPassages(passage).addPassages(passage).setModel("m@1").build();
        List<RowChunk> chunks = List.of(
                recruits(recruit).addRowIds(A).addPositions(1).build(),
                RowChunk.newBuilder()
                        .setCandidate(CandidateRowChunk.newBuilder().addRows(candidate))
                        .addRowIds(A).addPositions(1).build(),
                RowChunk.newBuilder()
                        .setSkillDic(SkillEmbeddingDicRowChunk.newBuilder().addRows(skill))
                        .addRowIds(A).addPositions(1).build(),
                RowChunk.newBuilder()
                        .setDocument(DocumentRowChunk.newBuilder().addRows(document))
                        .addRowIds(A).addPositions(1).build());

        for (RowChunk chunk : chunks) {
            Row row = Chunks.rows(chunk).get(0);
            assertEquals(row.message() instanceof DocumentRow ? 2 : 1, row.vectors().size());
            row.vectors().forEach(found -> assertArrayEquals(vector, found));
            assertEquals(row.message() instanceof DocumentRow ? "m@1" : "", row.model());
        }
    }

    @Test
    void rowsAndTombstonesComeInLogOrderWithModelJobAndEpoch() {
        ConsumeChunk chunk = ConsumeChunk.newBuilder()
                .setModel("model@2")
                .setEpoch("epoch")
                .addJobIds("job")
                .setRows(recruits(RecruitRow.getDefaultInstance(), RecruitRow.getDefaultInstance())
                        .addAllRowIds(List.of(A, B))
                        .addAllPositions(List.of(5L, 9L)))
                .addTombstones(ConsumeTombstone.newBuilder().setRowId(C).setPosition(7))
                .build();

        List<Entry> entries = Chunks.entries(chunk);

        assertEquals(List.of(A, C, B), entries.stream().map(Entry::id).toList());
        assertEquals(new Tombstone(7, C), entries.get(1));
        Row last = assertInstanceOf(Row.class, entries.get(2));
        assertEquals(List.of("model@2", "job", "epoch"), List.of(last.model(), last.job(), last.epoch()));
    }

    @Test
    void eachRowHasItsOwnJobWhereThereAreSeveral() {
        ConsumeChunk.Builder chunk = ConsumeChunk.newBuilder()
                .setRows(recruits(RecruitRow.getDefaultInstance(), RecruitRow.getDefaultInstance())
                        .addAllRowIds(List.of(A, B))
                        .addAllPositions(List.of(1L, 2L)));

        List<Entry> unknown = Chunks.entries(chunk.build());
        List<Entry> known = Chunks.entries(chunk.addAllJobIds(List.of("j1", "j2")).build());

        assertEquals(List.of("", ""), unknown.stream().map(entry -> ((Row) entry).job()).toList());
        assertEquals(List.of("j1", "j2"), known.stream().map(entry -> ((Row) entry).job()).toList());
    }

    @Test
    void deliveriesAreOfEachRowOrOfAllAndOtherwiseTheFirst() {
        ConsumeChunk.Builder chunk = ConsumeChunk.newBuilder()
                .setRows(recruits(RecruitRow.getDefaultInstance(), RecruitRow.getDefaultInstance())
                        .addAllRowIds(List.of(A, B))
                        .addAllPositions(List.of(1L, 2L)));

        assertEquals(List.of(1, 1), deliveries(chunk.build()));
        assertEquals(List.of(3, 3), deliveries(chunk.addDeliveries(3).build()));
        assertEquals(List.of(3, 2), deliveries(chunk.addDeliveries(2).build()));
    }

    private static List<Integer> deliveries(ConsumeChunk chunk) {
        return Chunks.entries(chunk).stream()
                .map(entry -> ((Row) entry).deliveryCount())
                .toList();
    }

    @Test
    void rowsWithoutIdsAreNotOurs() {
        RowChunk stock = recruits(RecruitRow.getDefaultInstance()).build();

        assertThrows(ContractBrokenException.class, () -> Chunks.rows(stock));
    }

    @Test
    void aKindOfANewerGatewayIsNoEmptyChunk() {
        RowChunk unknown = RowChunk.newBuilder().addRowIds(A).addPositions(1).build();

        assertThrows(ContractBrokenException.class, () -> Chunks.rows(unknown));
    }
}
