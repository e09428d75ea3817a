# SPDX-License-Identifier: GPL-2.0-only
"""What CBMC proves of the kernel's code, and that it can fail to: see lab/proofs/."""

from __future__ import annotations

import pytest

from lab.base.common import TOP
from lab.commands.prove import WORK, HERE, Proof, check, prepare, proofs, prove
from lab.commands.prove import why_skipped

PROOFS = proofs()


def each(chosen: list[Proof]) -> pytest.MarkDecorator:
    """The test for each of these."""
    names = [proof.name for proof in chosen]
    return pytest.mark.parametrize("proof", chosen, ids=names)


def test_page() -> None:
    """The table in the page has each proof, its mutants and its claim, as it is run."""
    page = (TOP / "Documentation" / "lab" / "proofs.rst").read_text()
    table = page.split("Claim\n", 1)[1].split("\n\n", 1)[0].splitlines()[1:-1]
    rows: list[list[str]] = []
    for line in table:
        if line.startswith(" "):
            rows[-1][-1] += " " + line.strip()
        else:
            name, _, mutants, claim = line.split(maxsplit=3)
            rows.append([name, mutants, claim])
    proved = [[p.name, str(len(p.mutants)), p.claim] for p in PROOFS]
    assert rows == proved


@each(PROOFS)
def test_fits(proof: Proof) -> None:
    """The harness is there, and each mutant is still an error in the code of today."""
    wanted = "Result: Never" if proof.litmus else f"void {proof.function}(void)"
    assert wanted in (HERE / proof.file).read_text()
    assert proof.mutants
    for mutant in proof.mutants:
        prepare(f"{proof.name}.fits", (*proof.replace, mutant))


@each(PROOFS)
def test_proof(proof: Proof) -> None:
    """The claim holds, and each mutant refutes it."""
    if reason := why_skipped(proof):
        pytest.skip(reason)
    assert prove(proof)


def test_the_same_input_is_not_proved_twice() -> None:
    """But whatever differs is."""
    [proof] = [proof for proof in PROOFS if proof.name == "policy-frequency"]
    name = f"{proof.name}.twice"
    (WORK / f"{name}.input").unlink(missing_ok=True)
    first, again = (check(proof, name, proof.replace) for _ in range(2))
    assert (first.failed, again.failed) == ((), ())
    assert first.seconds is not None and again.seconds is None
    mutant = check(proof, name, (*proof.replace, proof.mutants[0]))
    assert mutant.failed and mutant.seconds is not None
