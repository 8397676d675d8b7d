"""`certificate.json`: what is written is read back, and nothing unproved is accepted."""

import json
import re
from dataclasses import fields, replace

import pytest

from ttt_rllib.agents.bundle import Bundle
from ttt_rllib.errors import InputError
from ttt_rllib.evaluation.evaluate_agent import evaluate_agent
from ttt_rllib.exact.certificate import Certificate
from ttt_rllib.runs.certificate_json import (
    certificate_of,
    read_certificate,
    same_certificate,
    write_certificate,
)


@pytest.fixture(scope="module")
def certificate(new_network):
    policy = new_network()
    bundle = Bundle(policy, {})
    return certificate_of(bundle, evaluate_agent(policy).certificate)


@pytest.fixture
def path(tmp_path, certificate):
    write_certificate(tmp_path / "certificate.json", certificate)
    return tmp_path / "certificate.json"


def test_what_is_written_is_read_back_with_all_losing_lines(path, certificate):
    assert read_certificate(path) == certificate
    assert len(certificate.losing_lines) > 1
    assert read_certificate(path.parent / "nothing") is None


def test_the_keys_of_the_file_are_the_claims_then_the_agent_they_are_about(path, certificate):
    content = json.loads(path.read_text())
    claims = [field.name for field in fields(Certificate)]
    assert list(content) == [
        *claims,
        "game",
        "weights_sha256",
        "agent_sha256",
        "versions",
        "format_version",
    ]
    assert content["game"] == {"rows": 3, "cols": 3, "connect": 3, "gravity": False}
    assert content["weights_sha256"] == certificate.weights_sha256
    assert set(content["versions"]) == {"ttt_rllib", "numpy", "python"}


def test_only_the_versions_may_differ_between_certificates_of_the_same_agent(certificate):
    assert same_certificate(certificate, replace(certificate, versions={"numpy": "9"}))
    for field in fields(certificate):
        if field.name != "versions":
            other = replace(certificate, **{field.name: "anything else"})
            assert not same_certificate(certificate, other), field.name


@pytest.mark.parametrize(
    ("perfect", "unexploitable", "claim"),
    [(True, True, "perfect"), (False, True, "unexploitable"), (False, False, "exploitable")],
)
def test_the_claim_is_the_strongest_that_is_proved(certificate, perfect, unexploitable, claim):
    assert replace(certificate, perfect=perfect, unexploitable=unexploitable).claim == claim


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        ({"beats_everybody": True}, "beats_everybody: no key of a certificate; remove it"),
        ({"unexploitable": "true"}, "unexploitable: Input should be a valid boolean"),
        ({"mistakes": 0.0}, "mistakes: Input should be a valid integer"),
        ({"losing_lines": [{"seat": "z"}]}, "losing_lines.0.seat: Input should be 'x' or 'o'"),
    ],
)
def test_what_is_no_certificate_is_named(path, damage, sentence):
    path.write_text(json.dumps({**json.loads(path.read_text()), **damage}))
    with pytest.raises(InputError, match=re.escape(f"{path}: {sentence}")):
        read_certificate(path)
