"""The page of a run, read back, against the files behind it and a solver over strings."""

import csv
import json
import re
import shutil
from functools import cache

import numpy as np
import pytest
import typer

from tests.commands import RAY_AND_TORCH, run_command
from ttt_envs import CONNECT_FOUR, TIC_TAC_TOE, Boards
from ttt_rllib.agents.bundle import load_bundle, save_bundle
from ttt_rllib.agents.inputs import Inputs
from ttt_rllib.config.experiment import Experiment
from ttt_rllib.errors import InputError
from ttt_rllib.exact.certificate import LosingLine
from ttt_rllib.report import losing_section
from ttt_rllib.report.command import report, write_report
from ttt_rllib.report.losing_section import losing_games
from ttt_rllib.runs.checkpoints import write_manifest
from ttt_rllib.runs.directory import RunDir

LINES = ("012", "345", "678", "036", "147", "258", "048", "246")
SVG_ROUNDING = 0.005


@cache
def value(board):
    """Return what the player to move gets from a string of nine marks, by plain recursion."""
    rows = ("".join(board[int(square)] for square in line) for line in LINES)
    if any(row in ("XXX", "OOO") for row in rows):
        return -1
    if "." not in board:
        return 0
    mark = "XO"[board.count("X") > board.count("O")]
    squares = [square for square in range(9) if board[square] == "."]
    return max(-value(board[:square] + mark + board[square + 1 :]) for square in squares)


def after(moves):
    board = "." * 9
    for ply, square in enumerate(moves):
        board = board[:square] + "XO"[ply % 2] + board[square + 1 :]
    return board


def command(*arguments):
    return run_command("report", *arguments, without=RAY_AND_TORCH)


def signed(figure):
    return f"{figure:.3f}".replace("-", "\N{MINUS SIGN}")


def column(run, metric):
    with run.metrics.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row[metric]]
    return [(float(row["play/moves"]), float(row[metric])) for row in rows]


def points(chart, name):
    """Turn a drawn line back into figures, by the axes that the chart declares."""
    (path,) = chart.all("path", **{"data-name": name})
    axes = [[float(word) for word in chart[f"data-{axis}"].split()] for axis in "xy"]
    drawn = [[float(word) for word in point.split()] for point in path["d"].lstrip("M").split("L")]
    return [
        tuple(
            low + (place - start) / (end - start) * (high - low)
            for place, (low, high, start, end) in zip(point, axes, strict=True)
        )
        for point in drawn
    ]


@pytest.mark.parametrize(
    ("title", "name", "metric"),
    [
        ("Exploitability, as exact NashConv", "as it explores", "exact/nash_conv"),
        ("Exploitability, as exact NashConv", "its best moves", "exact/nash_conv_greedy"),
        ("Exact mean score against random play", "as O", "exact/score_vs_random_o"),
        ("Results of self-play", "draws", "play/draw_rate"),
        ("Throughput", "moves a second", "perf/moves_per_s"),
        ("CPU seconds of an iteration", "the trial's process", "perf/cpu_s"),
        ("Memory, MB", "the trial's process", "perf/memory_mb"),
        ("learner/entropy", "nat", "learner/entropy"),
    ],
)
def test_a_drawn_line_read_back_has_the_figures_of_the_csv(new_run, read_page, title, name, metric):
    run = new_run()
    (chart,) = read_page(write_report(run)).all("svg", **{"aria-label": title})
    known, drawn = column(run, metric), points(chart, name)
    assert len(drawn) == len(known) > 10
    height = max(figure for _, figure in known)
    for (x, y), (moves, figure) in zip(drawn, known, strict=True):
        assert x == pytest.approx(moves, abs=31 * 4100 / 300 * SVG_ROUNDING)
        assert y == pytest.approx(figure, abs=max(height, 1.0) / 100 * SVG_ROUNDING)


def test_the_table_of_metrics_and_the_tiles_say_what_the_summary_says(new_run, read_page):
    run = new_run()
    page = read_page(write_report(run))
    metrics = json.loads(run.summary.read_text())["metrics"]
    (table,) = page.all("table", class_="metrics")
    shown = {row.all("th")[0].text: float(row.all("td")[0].text) for row in table.all("tr")[1:]}
    assert shown == pytest.approx(metrics, rel=1e-11)
    certificate = json.loads(run.certificate.read_text())
    tiles = [tile.words() for tile in page.all("dl", class_="tiles")[0].all("div")]
    assert tiles[0].startswith(f"NashConv {metrics['exact/nash_conv_greedy']:.3f} ")
    assert f"{certificate['mistakes']:,} mistakes in 4,520 positions" in tiles[1]
    assert tiles[3].endswith("of at best 0.995"), "191/192, the best score as X"
    legend = [key.words() for key in page.all("ul", class_="legend")[2].all("li")]
    score = metrics["exact/score_vs_random_o"]
    last = [figure for _, figure in column(run, "exact/score_vs_random_o")][-1]
    assert legend[1::2] == ["at best 0.995", "at best 0.925"], "191/192 and 0.9249"
    assert (legend[2], tiles[4][:24]) == (
        f"as O {last:.3f}",
        f"Against random as O {signed(score)}"[:24],
    )
    verdict = page.all("h1")[0].text
    assert verdict.lower() == json.loads(run.summary.read_text())["verdict"] + "."


def test_a_page_has_no_verdict_that_is_not_of_the_agent_that_is_there(new_run, read_page):
    run, other = new_run(), new_run("other", game=CONNECT_FOUR)
    shutil.rmtree(run.agent)
    shutil.copytree(other.agent, run.agent)
    page = read_page(write_report(run))
    said = "No verdict: agent/ is not the agent that this run trained."
    assert page.all("h1")[0].text == said
    assert json.loads(run.summary.read_text())["verdict"] not in page.words()


def test_a_page_has_no_verdict_of_a_version_that_did_not_say_of_which_agent(new_run, read_page):
    run = new_run(agent_sha256=None)
    said = "No verdict: the version that wrote this run did not say which agent it is about; "
    assert read_page(write_report(run)).all("h1")[0].text.startswith(said)


def test_the_openings_show_the_agents_probabilities_beside_the_values_of_plain_recursion(
    new_run, read_page
):
    run = new_run()
    page = read_page(write_report(run))
    policy = load_bundle(run.agent).policy
    boards = [one for one in page.all("svg", class_="board") if one.all("g")]
    assert len(boards) == 1 + 3 + 12
    wrong = 0
    for drawn in boards:
        moves = [int(move) for move in drawn["data-moves"].split()]
        position = Boards.empty(TIC_TAC_TOE, 1)
        for move in moves:
            position = position.step(np.array([move])).boards
        probabilities = policy(position)[0]
        squares = {int(square["data-action"]): square for square in drawn.all("g")}
        assert set(squares) == set(range(9)) - set(moves)
        for action, square in squares.items():
            truth = -value(after([*moves, action]))
            assert int(square["data-value"]) == truth
            assert square.all("text")[0].text[0] == {1: "+", 0: "=", -1: "\N{MINUS SIGN}"}[truth]
            assert float(square["data-probability"]) == pytest.approx(probabilities[action])
            widths = [float(rect["width"]) for rect in square.all("rect")[1:]]
            assert widths[1] / widths[0] == pytest.approx(probabilities[action], abs=1e-3)
        wrong += -value(after([*moves, int(probabilities.argmax())])) < value(after(moves))
    assert wrong > 1
    assert f"{wrong} mistakes in 16 openings." in page.words()


def losing_games_of(policy, seat):
    """Return all games that an agent loses as X or O, by plain recursion over its greedy moves."""
    lost, todo = [], [((), Boards.empty(TIC_TAC_TOE, 1))]
    for moves, boards in todo:
        board = after(moves)
        winners = {
            board[int(a)] for a, b, c in LINES if board[int(a)] == board[int(b)] == board[int(c)]
        }
        if winners - {"."}:
            lost += [moves] * (seat not in winners)
            continue
        squares = [square for square in range(9) if board[square] == "."]
        if squares and "XO"[len(moves) % 2] == seat:
            squares = [int(policy(boards)[0].argmax())]
        todo += [((*moves, one), boards.place(np.array([one]))) for one in squares]
    return lost


def test_each_different_mistake_has_one_card_and_together_they_decide_all_lost_games(
    new_run, read_page, monkeypatch
):
    # A random network makes more mistakes than a page shows.
    monkeypatch.setattr(losing_section, "MAX_SHOWN", 1000)
    run = new_run()
    page = read_page(write_report(run))
    certificate = json.loads(run.certificate.read_text())
    policy = load_bundle(run.agent).policy
    games = sum(len(losing_games_of(policy, seat)) for seat in "XO")
    assert games == certificate["losing_line_count"] > len(certificate["losing_lines"])
    cards = [card for card in page.all("li", class_="card") if not card.all("g")]
    assert f"In {games} games it gets less than its seat could have, " in page.words()
    assert f"because of {len(cards)} different mistakes." in page.words()
    assert f"{len(cards) - 8} more mistakes" == page.all("summary")[0].text
    decided, positions = 0, set()
    for card in cards:
        (board,) = card.all("svg")
        moves = [int(move) for move in board["data-moves"].split()]
        (mistake,) = board.all("text", class_="mistake")
        ply = int(mistake.text) - 1
        assert value(after(moves[:ply])) >= 0
        assert value(after(moves[: ply + 1])) == 1
        # Only the mistake and what follows is numbered: the order before it is any.
        assert [int(one.text) for one in board.all("text")] == list(range(ply + 1, len(moves) + 1))
        tinted = {
            int(float(tint["y"]) // 60 * 3 + float(tint["x"]) // 60)
            for tint in board.all("rect", class_="tint")
        }
        assert any(tinted >= {int(square) for square in row} for row in LINES)
        several = re.search(r"This decides (\d+) games", card.words())
        decided += int(several[1]) if several else 1
        positions.add((after(moves[:ply]), moves[ply]))
    assert decided == games
    assert len(positions) == len(cards)


def test_the_page_asks_for_nothing_from_anywhere_and_runs_nothing(new_run, read_page):
    path = write_report(new_run())
    page = read_page(path)
    assert page.all("script") == page.all("img") == page.all("iframe") == page.all("a") == []
    for element in page.all():
        for name, text in element.attributes.items():
            assert not name.startswith("on")
            assert name not in {"src", "srcset", "data", "xlink:href", "action"}
            assert name != "href" or text == "data:,"
    html = path.read_text()
    assert not re.search(r"@import|url\(|https?:|//[a-z]", html)
    (policy,) = page.all("meta", **{"http-equiv": "Content-Security-Policy"})
    assert policy["content"].startswith("default-src 'none';")


def test_the_same_run_gives_the_same_bytes(new_run):
    run = new_run()
    first = write_report(run).read_bytes()
    assert write_report(run).read_bytes() == first


def test_settings_that_differ_are_shown_beside_their_defaults(new_run, read_page):
    experiment = Experiment.model_validate(
        {
            "name": "ppo",
            "algorithm": "dqn",
            "training": {"lr": [[0, 2e-3], [200_000, 2e-4]], "tau": 0.5},
            "stop": {"consecutive_unexploitable_evals": 3},
            "search": {"training.lr": {"loguniform": [1e-4, 1e-2]}, "num_seeds": 2},
        }
    )
    page = read_page(write_report(new_run(experiment=experiment)))
    (table,) = page.all("table", class_="settings")
    rows = [[cell.text for cell in row.children] for row in table.all("tr")[1:]]
    assert rows == [
        ["training.lr", "[[0, 0.002], [200_000, 0.0002]]", "0.001"],
        ["training.tau", "0.5", "1"],
        ["stop.consecutive_unexploitable_evals", "3", "null"],
        ["search.num_seeds", "2", "1"],
        ["search.training.lr.loguniform", "[0.0001, 0.01]", "null"],
    ]
    assert page.all("p", class_="subject")[0].text == "double DQN, Tic-tac-toe"


def test_the_page_says_first_what_the_agent_knows_of_the_game(new_run, read_page):
    page = read_page(write_report(new_run(inputs=Inputs(threat_planes=True, tactical_rule=True))))
    said = "PPO, Tic-tac-toe, sees threats, obeys the tactical rule"
    assert page.all("p", class_="subject")[0].text == said


def test_a_failed_run_without_an_agent_says_so_and_shows_its_error_as_text(new_run, read_page):
    run = new_run(agent=False, rows=(), status="failed", error="<script>boom</script>\nand more")
    page = read_page(write_report(run))
    assert page.all("h1")[0].text == "There is no agent: the run ended before its first checkpoint."
    (note,) = page.all("p", class_="status")
    assert note.text.startswith("The run failed: ")
    assert note.text.endswith("The error: <script>boom</script>")
    assert page.all("svg", class_="board") == []
    assert "There is no iteration to show." in page.words()
    assert "ttt train --resume results/ppo/one" in page.words()


def test_an_interrupted_run_shows_what_it_has_and_how_to_go_on(new_run, read_page):
    page = read_page(write_report(new_run(status="interrupted")))
    assert page.all("h1")[0].text.startswith("Exploitable: ")
    assert page.all("p", class_="status")[0].text.startswith("The run was interrupted")
    assert "--resume" in page.words()
    assert "--resume" not in read_page(write_report(new_run("done"))).words()


def test_a_killed_run_has_a_page_of_what_its_trial_wrote(new_run, new_network, read_page):
    run = new_run(agent=False, has_summary=False)
    folder = run.trials / "00000"
    folder.mkdir(parents=True)
    run.metrics.rename(folder / "metrics.csv")
    newer = run.trials / "00001" / "metrics.csv"
    newer.parent.mkdir()
    newer.write_text("perf/iteration\n7\n")
    checkpoint = folder / "checkpoint_000002" / "agent"
    sha256 = save_bundle(new_network(seed=3), checkpoint, {}).weights_sha256
    write_manifest(checkpoint.parent)
    with (folder / "metrics.csv").open("a") as file:
        file.write("32,99999999")  # half a row, as a kill leaves it
    page = read_page(write_report(run))
    assert page.all("h1")[0].text == "No verdict yet: this run has not finished."
    assert page.all("svg", **{"aria-label": "Throughput"})
    assert len(page.all("svg", class_="board")) == 16
    assert sha256 in page.words()
    (checkpoint / "agent.json").write_text("{")
    assert read_page(write_report(run)).all("svg", class_="board") == []
    (table,) = page.all("table", class_="metrics")
    assert table.all("tr")[1].words().startswith("perf/iteration 31 ")
    assert (folder / "metrics.csv").read_text().endswith("32,99999999"), "somebody may write it"


def test_an_environment_whose_rules_are_unknown_is_called_unmeasured(new_run, read_page):
    experiment = Experiment.model_validate({"env": {"pettingzoo": "my.game"}, "algorithm": "ppo"})
    run = new_run(agent=False, experiment=experiment, checkpoint="trials/one/checkpoint_000001")
    page = read_page(write_report(run))
    assert page.all("h1")[0].text.startswith("Unmeasured: the rules of this environment")
    assert page.all("p", class_="subject")[0].text == "PPO, the PettingZoo environment my.game"


def test_agents_of_a_game_that_is_not_ours_have_their_own_names_and_nobody_is_x(new_run, read_page):
    rows = [
        {
            "perf/iteration": number,
            "play/moves": 10.0 * number,
            "play/x_win_rate": 0.5,
            "play/draw_rate": 0.25,
            "play/o_win_rate": 0.25,
            "eval/return_mean/wolf": 1.5 * number,
            "eval/return_mean/hare": -1.5 * number,
        }
        for number in (1, 2)
    ]
    experiment = Experiment.model_validate({"env": {"pettingzoo": "my.game"}})
    run = new_run(agent=False, experiment=experiment, rows=rows, checkpoint="trials/one/c")
    page = read_page(write_report(run))
    tiles = [tile.words() for tile in page.all("dl", class_="tiles")[0].all("div")]
    assert tiles[:2] == [
        "hare \N{MINUS SIGN}3.000 mean return of its last games",
        "wolf 3.000 mean return of its last games",
    ]
    (chart,) = page.all("svg", **{"aria-label": "Mean return of a game"})
    assert np.allclose(points(chart, "wolf"), [(10, 1.5), (20, 3.0)], atol=0.02)
    keys = [key.words() for key in page.all("ul", class_="legend")[1].all("li")]
    assert keys[0].startswith("the first to move wins 50")
    assert not re.search(r"\b[XO] wins|\bas [XO]\b", page.words())
    (table,) = page.all("table", class_="metrics")
    assert "eval/return_mean/wolf 3 Mean return of this agent" in table.words()
    settings = page.all("table", class_="settings")[0].all("tr")[1:]
    assert [row.words() for row in settings] == ["env.pettingzoo my.game \N{EN DASH}"]


def test_a_game_without_known_values_shows_scores_and_dots_for_probabilities(
    new_run, new_network, read_page
):
    run = new_run(rows=(), has_summary=False, agent=False)
    save_bundle(new_network(CONNECT_FOUR), run.agent, {})
    page = read_page(write_report(run))
    boards = page.all("svg", class_="board")
    assert len(boards) == 1 + 4, "seven columns, mirrored"
    radii = [float(dot["r"]) for dot in boards[0].all("circle", class_="share")]
    shares = [float(square["data-probability"]) for square in boards[0].all("g")]
    assert [radius**2 / 24**2 for radius in radii] == pytest.approx(shares, abs=1e-3)
    assert page.all("g", **{"data-value": "0"}) == []
    leads = " ".join(one.text for one in page.all("p", class_="lead"))
    assert "Nothing here is judged: too many positions are left" in leads
    assert [one.text for one in page.all("strong", class_="plain")] == ["Not known"] * 5


def test_losing_games_of_connect_four_say_only_what_is_known():
    # X lets O have three in a row with both ends open; what it could have had is not known.
    early = LosingLine("x", (0, 3, 0, 2, 6, 4, 5, 1), -1)
    # X has three stones in column 3, and plays elsewhere; and the same in the mirror.
    late = [(3, 0, 3, 0, 3, 0, 6, 0), (3, 6, 3, 6, 3, 6, 0, 6)]
    lines = [early, *(LosingLine("x", moves, -1) for moves in late)]
    ((_, cards),) = losing_games(CONNECT_FOUR, lines).groups
    assert [card.headline for card in cards] == ["As X, loses at move 8"] * 2
    assert cards[0].detail == "At the latest with move 5, column 7: it loses in 2."
    assert cards[1].detail == (
        "Move 7, column 7: it could win at once; now it loses in 1. Column 4 was better. "
        "This decides 2 games."
    )
    assert [card.drawing.count('class="mistake"') for card in cards] == [0, 1]


def test_the_command_needs_neither_ray_nor_torch(new_run):
    run = new_run()
    done = command(run.path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"report: {run.path / 'report.html'}\n"
    assert (run.path / "report.html").read_text() == write_report(run).read_text()


def test_wrong_input_is_one_line_and_exit_code_2(tmp_path, capsys):
    with pytest.raises(typer.Exit) as raised:
        report(tmp_path)
    assert raised.value.exit_code == 2
    output = capsys.readouterr()
    said = f"error: {tmp_path}: not a run directory; it has no experiment.yaml; give the folder "
    assert output.out == ""
    assert output.err.startswith(said)
    assert output.err.count("\n") == 1


@pytest.mark.parametrize(
    ("file", "text", "sentence"),
    [
        ("summary.json", "{", "summary.json: not readable as JSON"),
        ("summary.json", "{}", "summary.json: has no format_version, this version of ttt_rllib"),
        ("summary.json", '{"format_version": 99}', "summary.json: format_version is 99, this"),
        ("summary.json", '{"format_version": 1}', "summary.json: has no 'experiment'; remove it"),
        ("certificate.json", "[]", "certificate.json: holds no mapping"),
        ("certificate.json", "{}", "certificate.json: has no 'unexploitable'"),
        ("experiment.yaml", "nme: x", "nme: unknown key; did you mean name?"),
        ("agent/agent.json", "{}", "agent.json: not an agent of ttt_rllib"),
    ],
)
def test_a_damaged_file_is_named(new_run, file, text, sentence):
    run = new_run()
    (run.path / file).write_text(text)
    with pytest.raises(InputError, match=re.escape(sentence)):
        write_report(run)


def test_a_done_run_gets_the_report_it_lacks_whatever_the_file_times(new_run):
    run = new_run(checkpoint="trials/00000/checkpoint_000000")
    write_report(run)
    right, written_ns = run.report.read_text(), run.report.stat().st_mtime_ns
    resumed = run_command("train", "--resume", run.path)
    assert (resumed.returncode, resumed.stderr) == (0, "")
    assert run.report.stat().st_mtime_ns == written_ns, "a page that is right stays"
    # A copy gives a page of an earlier session a later time than the summary.
    run.report.write_text("of an earlier session")
    assert run_command("train", "--resume", run.path).returncode == 0
    assert run.report.read_text() == right


def test_a_folder_that_cannot_be_written_is_named(new_run):
    run = new_run()
    (run.path / "report.html").mkdir()
    with pytest.raises(
        IsADirectoryError, match=r"cannot be written: Is a directory: .*report\.html"
    ):
        write_report(RunDir(run.path))


def test_a_run_of_a_version_without_some_figures_has_a_page_without_them(new_run, read_page):
    rows = [
        {"perf/iteration": row, "play/moves": 9 * row, "exact/nash_conv_greedy": 2.0 / row}
        for row in (1, 2)
    ]
    run = new_run(agent=False, has_summary=False, rows=rows)
    words = read_page(write_report(run)).words()
    assert "NashConv 1.000 of its best moves" in words
    assert "Optimal moves" not in words


def test_metrics_of_ones_own_have_curves_and_a_row(new_run, read_page):
    rows = [
        {"perf/iteration": number, "play/moves": 10.0 * number, **own}
        for number, own in ((1, {}), (2, {"custom/mine": 0.5}), (3, {"custom/mine": 1.5}))
    ]
    run = new_run(agent=False, rows=rows, checkpoint="trials/one/c")
    page = read_page(write_report(run))
    (chart,) = page.all("svg", **{"aria-label": "custom/mine"})
    assert np.allclose(points(chart, "value"), [(20, 0.5), (30, 1.5)], atol=0.02)
    (table,) = page.all("table", class_="metrics")
    assert "custom/mine 1.5 Your own figure" in table.words()
