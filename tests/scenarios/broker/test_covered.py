"""Every fault of the gateway's script has a story here, and so has every numbered behaviour."""

import ast
from pathlib import Path

import pytest

from engine.brokers.practice.faults import POINTS

HERE = Path(__file__).parent

BEHAVIOURS = {
    "F8": "test_an_order_that_never_arrived_is_unknown_until_its_absence_is_proven",
    "F8 late": "test_an_acknowledgement_that_is_a_minute_late_settles_what_was_unknown",
    "F9": "test_what_filled_while_the_gateway_was_away_is_fetched_from_it",
    "F10": "test_without_the_brokers_servers_nothing_is_sent_and_their_return_compares_anew",
    "F10 half open": "test_a_half_open_socket_is_noticed_by_its_silence",
    "F11 blackout": "test_in_the_blackout_before_the_nightly_restart_nothing_is_sent",
    "F11": "test_a_night_with_its_restart_and_reset_alarms_nobody",
    "F11 ids": "test_after_a_restart_reissued_ids_mix_up_no_orders",
    "F12": "test_a_client_id_taken_meanwhile_is_told_and_nobody_is_fought_for_it",
    "F12 login": "test_another_login_takes_the_data_and_nothing_is_sized_without_it",
    "F13": "test_the_days_executions_told_again_change_nothing",
    "F14": "test_a_corrected_execution_replaces_the_old_one",
    "F15": "test_what_is_late_twice_mixed_or_lost_books_every_fill_once",
    "F16": "test_a_fill_that_crosses_a_cancel_is_booked",
    "F16 overfill": "test_one_share_too_many_is_booked_blocks_and_alarms",
    "F17": "test_two_live_orders_of_one_reference_block_and_one_cancel_ends_both",
    "F18": "test_an_answer_that_cannot_be_believed_is_unknown_and_nothing_is_closed",
    "F19": "test_a_trade_by_hand_blocks_its_instrument_until_a_person_accepts_it",
    "F20": "test_each_kind_of_rejection_ends_the_order",
    "F20 latch": "test_three_rejections_are_three_orders_and_the_fourth_is_denied",
    "F21": "test_a_quote_that_means_unknown_sizes_nothing",
    "F22": "test_a_bar_that_is_late_or_another_decides_nothing_twice",
    "F22 missing": "test_a_bar_that_never_comes_is_told",
    "F29": "test_a_second_engine_on_the_account_is_refused_before_it_connects",
    "F29 elsewhere": "test_an_order_with_our_prefix_and_no_row_halts_until_it_is_acknowledged",
    "F34": "test_a_halt_in_a_burst_leaves_nothing_to_be_sent_and_outlives_a_kill",
    "F34 disconnected": "test_a_halt_while_disconnected_cancels_with_the_next_link",
}
"""Which story tells which fault of the behaviours."""


def _tests() -> list[ast.AsyncFunctionDef]:
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in HERE.glob("test_*.py")]
    return [
        node
        for tree in trees
        for node in tree.body
        if isinstance(node, ast.AsyncFunctionDef) and node.name.startswith("test_")
    ]


def _words(test: ast.AsyncFunctionDef) -> set[str]:
    """Every text that stands alone in a test or in its parameters."""
    return {
        node.value
        for node in ast.walk(test)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


@pytest.mark.parametrize("fault", sorted(POINTS))
def test_every_fault_of_the_script_has_a_story(fault: str) -> None:
    assert any(fault in _words(test) for test in _tests()), f"no story arms {fault}"


@pytest.mark.parametrize("behaviour", BEHAVIOURS)
def test_every_numbered_behaviour_has_a_story(behaviour: str) -> None:
    assert BEHAVIOURS[behaviour] in {test.name for test in _tests()}
