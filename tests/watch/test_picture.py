"""What a trial draws: compared with the analysis of each position, and with the walks."""

from ttt_envs import TIC_TAC_TOE, Game
from ttt_rllib.agents.baselines import OnePlyPolicy
from ttt_rllib.agents.policies import PerfectPolicy, policy_table
from ttt_rllib.analysis.game_record import GameRecord
from ttt_rllib.analysis.position import analyse
from ttt_rllib.evaluation.in_training import Evaluated, walk_in_training
from ttt_rllib.exact.evaluation import evaluate, evaluate_walks
from ttt_rllib.exact.solved_game import solve_or_raise
from ttt_rllib.runs.directory import RunDir
from ttt_rllib.runs.live_json import close_live, live_folder, open_live, read_picture
from ttt_rllib.watch.picture import picture_of, picture_writer


def evaluated(policy):
    solved = solve_or_raise(policy.game)
    table = policy_table(solved.positions, policy)
    return Evaluated(evaluate(solved, table), 100, solved, table, None)


def test_the_openings_are_the_agents_moves_with_their_exact_verdicts():
    policy = OnePlyPolicy(TIC_TAC_TOE)
    picture = picture_of(evaluated(policy))
    assert len(picture.openings) == 1 + 3 + 12
    for opening in picture.openings:
        analysis = analyse(GameRecord(TIC_TAC_TOE, opening.moves), policy)
        moves = {move.action: move for move in analysis.moves}
        assert opening.probability == max(move.probability for move in moves.values())
        assert opening.keeps == (moves[opening.action].outlook.value == analysis.outlook.value)


def test_losing_games_are_games_that_the_agent_loses_by_different_mistakes():
    policy = OnePlyPolicy(TIC_TAC_TOE)
    picture = picture_of(evaluated(policy))
    assert picture.num_losing_games > len(picture.losing_games) > 1
    before = set()
    for game in picture.losing_games:
        record = GameRecord(TIC_TAC_TOE, game.moves)
        assert record.result == {"x": "O", "o": "X"}[game.seat]
        here = GameRecord(TIC_TAC_TOE, game.moves[: game.mistake])
        after = here.play(game.moves[game.mistake])
        assert analyse(here).outlook.value >= 0
        assert analyse(after).outlook.value == 1, "the other player wins from there"
        before.add(here.moves)
    assert len(before) == len(picture.losing_games)


def test_a_perfect_agent_has_no_losing_game():
    picture = picture_of(evaluated(PerfectPolicy(TIC_TAC_TOE)))
    assert (picture.nash_conv, picture.losing_games, picture.num_losing_games) == (0.0, (), 0)
    assert all(opening.keeps for opening in picture.openings)


def test_a_walk_gives_its_moves_and_the_games_found():
    game = Game(4, 4, 4, gravity=True)
    policy = OnePlyPolicy(game)
    walks = walk_in_training(policy)
    picture = picture_of(Evaluated(evaluate_walks(walks), 5, None, None, walks))
    assert [len(one.moves) for one in picture.openings] == [0, 1, 1]
    for opening in picture.openings:
        record = GameRecord(game, opening.moves)
        assert opening.action == int(policy(record.board)[0].argmax())
        assert opening.keeps is None
    lost = picture.losing_games[0]
    assert len(lost.moves) == walks.shortest_refutation
    assert GameRecord(game, lost.moves).is_over


def test_a_picture_is_written_only_while_somebody_asks_and_is_read_as_it_was(tmp_path):
    run = RunDir(tmp_path)
    write = picture_writer(live_folder(run), "00000")
    seen = evaluated(PerfectPolicy(TIC_TAC_TOE))
    write(seen)
    assert list(tmp_path.iterdir()) == []
    open_live(run)
    assert read_picture(live_folder(run), "00000") is None
    write(seen)
    assert read_picture(live_folder(run), "00000") == picture_of(seen)
    assert [path.name for path in live_folder(run).iterdir()] == ["00000.json"]
    (live_folder(run) / "00000.json").write_text("{")
    assert read_picture(live_folder(run), "00000") is None
    close_live(run)
    assert not live_folder(run).exists()
