# SPDX-License-Identifier: GPL-2.0-only
"""What CBMC proves of the kernel's code, and that it can fail to: see lab/proofs/."""

from __future__ import annotations

import pytest

from lab.commands.prove import HERE, Proof, prepare, proofs, prove

PROOFS = proofs()
DECIDED = [proof for proof in PROOFS if not proof.undecided]


def each(chosen: list[Proof]) -> pytest.MarkDecorator:
    """The test for each of these."""
    names = [proof.name for proof in chosen]
    return pytest.mark.parametrize("proof", chosen, ids=names)


@each(PROOFS)
def test_fits(proof: Proof) -> None:
    """The harness is there, and each mutant is still an error in the code of today."""
    assert f"void {proof.function}(void)" in (HERE / proof.file).read_text()
    assert proof.mutants
    for mutant in proof.mutants:
        prepare(f"{proof.name}.fits", (*proof.replace, mutant))


@each(DECIDED)
def test_proof(proof: Proof) -> None:
    """The claim holds, and each mutant refutes it."""
    assert prove(proof)
