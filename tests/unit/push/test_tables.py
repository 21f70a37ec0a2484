"""What is pushed is what the domains declare: no field is lost on the way."""

from __future__ import annotations

import json

import pytest

from pc_worker.domains import Record, get_domain
from pc_worker.push import stock_domains, stock_row, stock_table
from tests.unit.domains.tables import candidate_row, clean_rows, recruit_row, skill_row
from tests.unit.push.stock_rows import ROW_ID


@pytest.mark.parametrize("name", stock_domains())
def test_the_servers_fields_are_those_that_the_domain_declares(name: str) -> None:
    table, domain = stock_table(name), get_domain(name)

    assert domain.vector is not None
    assert {table.key, *table.fields} == {domain.key_field, *(field.name for field in domain.fields)}
    assert (table.vector, table.dimension) == (domain.vector.name, domain.vector.dimension)


@pytest.mark.parametrize(
    ("name", "row"),
    [
        ("recruit", recruit_row()),
        ("recruit", recruit_row(Exp_Years="no_exp", Published="2021-07-01", English_Level=None)),
        ("recruit", recruit_row(Exp_Years=0, Published=" ", skills=["a", "a"])),
        ("candidate", candidate_row()),
        ("candidate", candidate_row(Primary_Keyword=None, Experience_Years=None, Looking_For="x")),
        ("skill_dic", skill_row()),
    ],
)
def test_what_the_cleaning_rules_let_through_is_fit_to_be_pushed(name: str, row: dict[str, object]) -> None:
    (record,) = clean_rows(name, row)

    assert isinstance(record, Record)
    assert record.vector is not None
    vector = json.dumps(record.vector.tolist())
    sent = stock_row(stock_table(name), position=1, row_id=ROW_ID, payload=record.payload, vector=vector)
    assert json.loads(sent.json).keys() == record.payload.keys() | {stock_table(name).vector}
