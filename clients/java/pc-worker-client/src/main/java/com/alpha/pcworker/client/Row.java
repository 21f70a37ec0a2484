package com.alpha.pcworker.client;

import com.alpha.backend.grpc.CandidateRow;
import com.alpha.backend.grpc.DocumentRow;
import com.alpha.backend.grpc.Passage;
import com.alpha.backend.grpc.RecruitRow;
import com.alpha.backend.grpc.SkillEmbeddingDicRow;
import com.google.protobuf.Message;
import java.util.List;

/**
 * A row of a domain as it is now.
 *
 * @param position its place in the log
 * @param id its UUID, lower case
 * @param message its fields: a {@code RecruitRow}, {@code CandidateRow}, {@code SkillEmbeddingDicRow} or, in every other
 *     domain, a {@code DocumentRow}; a field that may be null has {@code has…()}
 * @param model the model of its vectors, {@code name@revision}; empty if the plain stream does not send it
 * @param job the ingest that wrote it; empty where that is not known any more, and on the plain stream
 * @param epoch the log that it belongs to, a UUID; empty on the plain stream
 * @param deliveryCount how often it has been delivered to this subscription, with this time: 1 at first, more after a
 *     {@link RowReader#nack} or if a consumer ended without committing it; always 1 on the plain stream. A row that ends its
 *     consumer can be told by a high count, and nacked before it is touched
 */
public record Row(
        long position, String id, Message message, String model, String job, String epoch, int deliveryCount)
        implements Entry {

    /**
     * Its vectors, one for each passage of its text; rows of the three stock domains have exactly one.
     *
     * @return the vectors
     */
    public List<float[]> vectors() {
        if (message instanceof RecruitRow row) {
            return List.of(floats(row.getSkillsVectorCount(), row::getSkillsVector));
        }
        if (message instanceof CandidateRow row) {
            return List.of(floats(row.getSkillsVectorCount(), row::getSkillsVector));
        }
        if (message instanceof SkillEmbeddingDicRow row) {
            return List.of(floats(row.getSkillVectorCount(), row::getSkillVector));
        }
        return ((DocumentRow) message).getPassagesList().stream().map(Row::vector).toList();
    }

    private static float[] vector(Passage passage) {
        return floats(passage.getVectorCount(), passage::getVector);
    }

    private static float[] floats(int count, FloatAt source) {
        float[] values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = source.at(i);
        }
        return values;
    }

    /** An {@code IntFunction} that boxes nothing: there are thousands of these a row. */
    private interface FloatAt {
        float at(int index);
    }
}
