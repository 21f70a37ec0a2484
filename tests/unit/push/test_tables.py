"""What is pushed is what the domains declare: no field is lost on the way."""

from __future__ import annotations

import pytest

from pc_worker.domains import get_domain
from pc_worker.push import stock_domains, stock_table


@pytest.mark.parametrize("name", stock_domains())
def test_the_servers_fields_are_those_that_the_domain_declares(name: str) -> None:
    table, domain = stock_table(name), get_domain(name)

    assert domain.vector is not None
    assert {table.key, *table.fields} == {domain.key_field, *(field.name for field in domain.fields)}
    assert (table.vector, table.dimension) == (domain.vector.name, domain.vector.dimension)
