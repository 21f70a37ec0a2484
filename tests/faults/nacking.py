"""A consumer that cannot store some rows at their first delivery: it nacks them, and stores them at the next one."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from pc_worker.wire.generated import embedding_stream_pb2 as pb
from tests.faults.consumer import Follower, Requests

#: Percent of the rows that are nacked.
NACKED_OF_100 = 5


class NackingFollower(Follower):
    """Keeps its position itself, and stores one only when the nacks of all rows up to it are confirmed."""

    def __init__(self, address: Callable[[], str], chance: random.Random) -> None:
        super().__init__(address, name="nacking")
        self._chance = chance
        self._reached = 0
        self._unconfirmed: set[int] = set()
        self.nacked: set[int] = set()
        self.again = 0

    def _opening(self) -> pb.ConsumeOpen:
        self._unconfirmed.clear()
        opening = super()._opening()
        opening.nacks.CopyFrom(pb.ConsumeNacks(max_deliveries=100, first_delay_ms=10))
        opening.credit.chunks, opening.chunk_rows = 8, 50
        opening.after_position = self._reached = self.position
        return opening

    def _answer(self, response: pb.ConsumeResponse, requests: Requests) -> None:
        match response.WhichOneof("response"):
            case "chunk":
                self._take(response.chunk.rows, requests)
                self._reached = response.chunk.position
            case "end_of_log":
                self._reached = max(self._reached, response.end_of_log.position)
            case "redelivered":
                self.again += 1
                positions = list(response.redelivered.rows.positions)
                self._keep(response.redelivered.rows, positions)
                requests.put(pb.ConsumeRequest(ack=pb.ConsumeAck(position=self.position, redelivered=positions)))
            case "nacked":
                self._unconfirmed.difference_update(response.nacked.positions)
        if response.HasField("chunk") or response.HasField("redelivered"):
            requests.put(pb.ConsumeRequest(credit=pb.ConsumeCredit(chunks=1, bytes=response.ByteSize() + 64)))
        if not self._unconfirmed and self._reached > self.position:
            self.position = self._reached
            requests.put(pb.ConsumeRequest(ack=pb.ConsumeAck(position=self.position)))

    def _take(self, rows: pb.RowChunk, requests: Requests) -> None:
        refused = {at for at in rows.positions if self._chance.randrange(100) < NACKED_OF_100}
        for position in refused:
            requests.put(pb.ConsumeRequest(nack=pb.ConsumeNack(position=position, reason="not now")))
        self._unconfirmed |= refused
        self.nacked |= refused
        self._keep(rows, [at for at in rows.positions if at not in refused])

    def _keep(self, rows: pb.RowChunk, positions: Sequence[int]) -> None:
        kind = rows.WhichOneof("chunk_data")
        messages = () if kind is None else getattr(rows, kind).rows
        for row, row_id, at in zip(messages, rows.row_ids, rows.positions, strict=True):
            if at in positions and at >= self.row_positions.get(row_id, 0):
                self.row_positions[row_id], self.texts[row_id] = at, row.position
