"""Names of other packages for things that are called otherwise here."""

import pytest
import spikeloop as sl


@pytest.mark.parametrize("name", sl.compat.__all__)
def test_a_name_is_also_where_the_other_package_has_it(name):
    package = sl.nn if name == "DynamicsGroup" else sl.inputs
    assert getattr(sl.compat, name) is getattr(package, name)
    assert getattr(sl.compat, name) is getattr(package, name.removesuffix("_input").replace("Group", ""))
