"""The agents that can be played: slugs, verdicts, damaged runs, and no path from outside."""

import os
import shutil
from dataclasses import replace

import numpy as np
import pytest

from ttt_envs import CONNECT_FOUR, TIC_TAC_TOE, Boards, Game
from ttt_rllib.agents.bundle import SAVED_AT, BundleError, load_bundle, save_bundle
from ttt_rllib.agents.inputs import PLAIN_INPUTS, Inputs
from ttt_rllib.agents.shipped import SHIPPED, shipped_bundle
from ttt_rllib.errors import InputError
from ttt_rllib.evaluation.evaluate_agent import evaluate_agent
from ttt_rllib.exact.solved_game import solve_or_raise
from ttt_rllib.play.agents import (
    OWN_SLUG,
    agent_at,
    choose_agent,
    choose_move,
    fixed_players,
    list_agents,
    newest_run,
)
from ttt_rllib.play.command import _show_list
from ttt_rllib.play.terminal.dialogue import Dialogue
from ttt_rllib.play.web.app import listed_app
from ttt_rllib.play.web.replies import agents_reply
from ttt_rllib.play.web.service import AgentService
from ttt_rllib.runs.certificate_json import (
    CERTIFICATE_FILE,
    certificate_of,
    read_certificate,
    same_certificate,
    write_certificate,
)
from ttt_rllib.runs.checkpoints import write_manifest
from ttt_rllib.runs.summary import SUMMARY_FILE, write_summary


@pytest.fixture
def results(tmp_path, new_network, new_summary):
    """Two runs, one of them unfinished, one damaged and one with a name that is none."""
    root = tmp_path / "results"
    earlier, later = ({SAVED_AT: f"2026-01-0{day}T00:00:00+00:00"} for day in (1, 2))
    save_bundle(new_network(seed=1), root / "ppo" / "done" / "agent", earlier)
    write_summary(root / "ppo" / "done" / SUMMARY_FILE, new_summary())
    checkpoint = root / "dqn" / "stopped" / "trials" / "00000" / "checkpoint_000001"
    save_bundle(new_network(seed=2, q_head=True), checkpoint / "agent", later)
    write_manifest(checkpoint)
    (root / "dqn" / "stopped" / "experiment.yaml").write_text("")
    save_bundle(new_network(seed=3), root / "ppo" / "broken" / "agent", {})
    (root / "ppo" / "broken" / "agent" / "weights.npz").write_bytes(b"no weights")
    save_bundle(new_network(seed=4), root / "ppo" / "a b" / "agent", {})
    (root / "ppo" / "empty").mkdir()
    (root / "note.txt").write_text("not a run")
    return root


def certify(run, **claims):
    bundle = load_bundle(run / "agent")
    certificate = certificate_of(bundle, evaluate_agent(bundle.policy).certificate)
    write_certificate(run / CERTIFICATE_FILE, replace(certificate, **claims))


def test_the_list_has_the_fixed_players_and_the_runs_newest_first(results, new_network):
    listed = list_agents(results)
    assert [agent.slug for agent in listed.agents] == [
        "perfect",
        "random",
        "one_ply",
        "alpha_beta",
        "random.connect_four",
        "one_ply.connect_four",
        "alpha_beta.connect_four",
        "dqn~stopped",
        "ppo~done",
        "fully_trained",
        "half_trained",
    ]
    assert listed.find("ppo~done").name == "ppo/done"
    assert newest_run(results).slug == "dqn~stopped"
    os.utime(results / "ppo" / "done" / "agent" / "agent.json")
    assert newest_run(results).slug == "dqn~stopped", "a copy changes the times of files"
    save_bundle(new_network(seed=1), results / "ppo" / "done" / "agent", {SAVED_AT: "2026-01-03"})
    assert newest_run(results).slug == "ppo~done"


def test_what_is_skipped_says_why(results):
    skipped = {skip.place: skip.reason for skip in list_agents(results).skipped}
    assert sorted(skipped) == ["ppo/a b", "ppo/broken"]
    assert "weights.npz: not a readable weights file" in skipped["ppo/broken"]
    assert "letters, digits" in skipped["ppo/a b"]


def test_a_game_of_a_run_brings_its_own_fixed_players(results, new_network):
    save_bundle(new_network(Game(3, 4, 3)), results / "wide" / "one" / "agent", {})
    slugs = [agent.slug for agent in list_agents(results).agents]
    assert {"perfect.3x4x3", "wide~one"} < set(slugs)
    assert len(set(slugs)) == len(slugs)


def test_a_verdict_is_that_of_a_certificate_of_this_agent(results):
    run = results / "ppo" / "done"
    verdicts = {}
    for perfect, unexploitable in ((True, True), (False, True), (False, False)):
        certify(run, perfect=perfect, unexploitable=unexploitable)
        verdicts[perfect, unexploitable] = list_agents(results).find("ppo~done").verdict
    assert list(verdicts.values()) == ["perfect", "unexploitable", "exploitable"]
    for another in ("0" * 64, None):
        certify(run, perfect=True, agent_sha256=another)
        assert list_agents(results).find("ppo~done").verdict is None
    for text in ('{"perfect": true}', "[]", "{", ""):
        (run / CERTIFICATE_FILE).write_text(text)
        assert list_agents(results).find("ppo~done").verdict is None


def test_what_an_agent_knows_is_said_wherever_it_can_be_chosen(tmp_path, new_network, capsys):
    known = Inputs(threat_planes=True, tactical_rule=True)
    for name, inputs in (("knows", known), ("plain", PLAIN_INPUTS)):
        save_bundle(new_network(inputs=inputs), tmp_path / "ppo" / name / "agent", {})
    certify(tmp_path / "ppo" / "knows", perfect=False, unexploitable=True)
    words = "sees threats, obeys the tactical rule"
    agents = list_agents(tmp_path)
    assert [agents.find(slug).knowledge for slug in ("ppo~knows", "ppo~plain", "perfect")] == [
        words,
        "",
        "",
    ]
    _show_list(tmp_path)
    lines = capsys.readouterr().out.splitlines()
    assert f"ppo~knows (unexploitable; {words})" in lines
    assert "ppo~plain" in lines
    about = {reply.id: reply.about for reply in agents_reply(agents, "perfect").agents}
    assert about["ppo~knows"] == (
        "Cannot be beaten: proven. It sees threats and obeys the tactical rule."
    )
    assert about["ppo~plain"] == "Trained; it has no certificate."
    for slug, said in (("ppo~knows", True), ("ppo~plain", False)):
        dialogue = Dialogue(agents.find(slug), np.random.default_rng(0), width=200)
        assert (words in dialogue.introduction()) == said


def test_the_agents_of_the_package_are_what_their_certificates_say(tmp_path):
    listed = list_agents(tmp_path)
    assert [agent.slug for agent in listed.agents[-2:]] == list(SHIPPED)
    verdicts = {}
    for slug in SHIPPED:
        folder = shipped_bundle(slug)
        bundle = load_bundle(folder)
        proved = certificate_of(bundle, evaluate_agent(bundle.policy).certificate)
        assert same_certificate(proved, read_certificate(folder / CERTIFICATE_FILE))
        verdicts[slug] = listed.find(slug).verdict
        assert sum(file.stat().st_size for file in folder.iterdir()) < 100_000
    assert verdicts == {"fully_trained": "unexploitable", "half_trained": "exploitable"}


@pytest.mark.parametrize("slug", ["../ppo/done", "ppo/done", "ppo~broken", "/etc", "", "x" * 999])
def test_a_slug_outside_the_list_is_never_a_path(results, slug):
    with pytest.raises(InputError) as error:
        list_agents(results).find(slug)
    assert len(str(error.value).splitlines()) == 1
    assert len(str(error.value)) < 400


def test_the_command_line_takes_slugs_and_paths_and_knows_a_listed_run(results, tmp_path):
    assert choose_agent(None, results).slug == "dqn~stopped"
    assert choose_agent(None, tmp_path / "nothing").slug == "fully_trained"
    assert choose_agent("ppo~done", results).slug == "ppo~done"
    assert choose_agent(str(results / "ppo" / "done"), results).slug == "ppo~done"
    shutil.copytree(results / "ppo" / "done" / "agent", tmp_path / "taken")
    own = choose_agent(str(tmp_path / "taken"), results)
    assert (own.slug, own.game) == (OWN_SLUG, TIC_TAC_TOE)
    assert list_agents(results, own).find(OWN_SLUG) is own
    assert len(list_agents(results, list_agents(results).find("ppo~done")).agents) == 11
    with pytest.raises(InputError, match=r"perfekt: neither an agent .* did you mean perfect\?"):
        choose_agent("perfekt", results)
    with pytest.raises(BundleError, match="holds no agent"):
        agent_at(results / "ppo" / "empty")


def test_a_trained_agent_plays_its_best_and_a_fixed_one_draws(results, new_network):
    board = Boards.empty(TIC_TAC_TOE, 1)
    rng = np.random.default_rng(0)
    trained = list_agents(results).find("ppo~done")
    assert {choose_move(trained, board, rng) for _ in range(20)} == {
        int(new_network(seed=1)(board)[0].argmax())
    }
    random = fixed_players(TIC_TAC_TOE)[1]
    assert {choose_move(random, board, rng) for _ in range(200)} == set(range(9))
    assert [agent.slug.split(".")[0] for agent in fixed_players(CONNECT_FOUR)] == [
        "random",
        "one_ply",
        "alpha_beta",
    ]


NEARLY_TOO_LARGE = Game(3, 5, 4)
"""To solve its 3,414,564 positions takes half a minute."""


def test_agents_are_listed_and_refused_without_solving_their_games(tmp_path, new_network):
    save_bundle(new_network(NEARLY_TOO_LARGE), tmp_path / "wide" / "a" / "agent", {})
    solved = solve_or_raise.cache_info().misses
    with pytest.raises(InputError, match=r"nobody: neither an agent nor a run") as refused:
        choose_agent("nobody", tmp_path)
    assert "perfect.connect_four" not in str(refused.value), "there is none"
    with pytest.raises(InputError, match=r"did you mean wide~a\?"):
        listed_app("wide-a", tmp_path)
    listed = list_agents(tmp_path)
    assert listed.find("perfect.3x5x4").policy.game == NEARLY_TOO_LARGE
    assert choose_agent("perfect.3x5x4", tmp_path) == listed.find("perfect.3x5x4")
    assert listed_app("wide~a", tmp_path).routes
    assert not AgentService(listed).is_quick("wide~a")
    assert solve_or_raise.cache_info().misses == solved


def test_a_perfect_player_of_a_game_that_is_too_large_is_refused_with_the_reason(
    tmp_path, new_network
):
    save_bundle(new_network(Game(4, 4, 4)), tmp_path / "large" / "a" / "agent", {})
    with pytest.raises(InputError, match="no perfect player is known: a 4 x 4 board"):
        choose_agent("perfect.4x4x4", tmp_path)
    assert "perfect.4x4x4" not in {agent.slug for agent in list_agents(tmp_path).agents}


def test_answers_are_quick_once_the_game_has_been_solved(tmp_path):
    service = AgentService(list_agents(tmp_path))
    assert not service.is_quick("perfect")
    service.position("random", (), None)
    assert service.is_quick("perfect")
    service.position("random.connect_four", (), None)
    assert not service.is_quick("random.connect_four")
