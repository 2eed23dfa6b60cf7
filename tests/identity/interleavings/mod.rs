//! What several people do to one account at once, at two instances: whoever waits where, what was proved is still true
//! where it is used, and a deletion is final.
//! In: every pair of operations with every place at which one of them can be overtaken; any three in any order.
//! Owns: a step is what an operation does between two waits: for a statement, a hash, a lock.

mod mailed;
mod operations;
mod promises;
pub mod schedule;
mod world;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use rstest::rstest;
use signet::identity::OtherSessions::{End, Keep};

use self::operations::Operation::{self, *};
use self::operations::Typed::{First, Of};
use self::world::{Hash, World};
use crate::store::support::{Kind, Postgres, Sqlite};

/// More steps than any operation has.
const ALL: usize = 1000;

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

/// Lets `second` overtake `first` at every place where `first` waits; answers how many there were, and in how many nothing
/// ran into the time limits of the database, as it may on a machine that is busy with other things.
async fn overtake_everywhere(
    world: &World,
    hash: Hash,
    first: Operation,
    second: Operation,
) -> (usize, usize) {
    let mut judged = 0;
    for pause in 0.. {
        let after = world.run(hash, &[first, second], &[(0, pause), (1, ALL), (0, ALL)]).await;
        let broken = after.broken();
        let unknown = after.is_unknown();
        assert!(
            unknown || broken.is_empty(),
            "{first:?} overtaken by {second:?} after {pause} steps: {broken:#?}\n{:#?}",
            after.outcomes
        );
        judged += usize::from(!unknown);
        if after.outcomes[0].1 <= pause {
            return (pause + 1, judged);
        }
    }
    unreachable!("no operation goes on for ever")
}

#[rstest]
#[case::sign_in(&[SignIn(First)], &[Change(0, End), Change(0, Keep), DeleteFresh(1), RevokeAll(0)])]
#[case::sign_in_that_upgrades(&[SignIn(First)], &[Change(0, End), DeleteWithPassword(0), SignIn(First)])]
#[case::change(&[Change(0, End), Change(0, Keep)], &[Change(1, End), RevokeAll(1), SignOut(0)])]
#[case::change_while_others_sign_in(&[Change(0, End), Change(1, Keep)], &[SignIn(First), SignIn(Of(0))])]
#[case::delete(&[DeleteWithPassword(0), DeleteFresh(0)], &[Change(1, End), SignIn(First), SignOut(0)])]
#[case::delete_twice(&[DeleteWithPassword(0)], &[DeleteWithPassword(0), DeleteFresh(1), Change(1, Keep)])]
#[case::proofs(&[Verify(0), Update(0), List(0)], &[DeleteFresh(1), RevokeAll(1), Change(1, End)])]
#[case::tokens(&[Token(0)], &[DeleteFresh(0), SignOut(0), RevokeOthers(1), Change(1, End)])]
#[case::revoke(&[RevokeAll(0), RevokeOthers(0), RevokeOther(0)], &[RevokeAll(1), RevokeOthers(1), SignOut(0), SignIn(First)])]
#[case::sign_out(&[SignOut(0)], &[SignOut(0), RevokeOther(1), DeleteFresh(0)])]
fn operations_that_overtake_each_other_at_any_wait_keep_what_was_proved(
    #[case] first: &[Operation],
    #[case] second: &[Operation],
    #[values(Sqlite, Postgres)] kind: Kind,
) {
    let hash =
        if first == [SignIn(First)] && second.contains(&SignIn(First)) { Hash::Imported } else { Hash::Own };
    runtime().block_on(async {
        let Some(world) = World::start(kind).await else { return };
        for first in first {
            for second in second {
                let (places, judged) = overtake_everywhere(&world, hash, *first, *second).await;
                assert!(places >= 2 && judged >= 1, "{first:?} and {second:?}: {judged} of {places}");
            }
        }
    });
}

fn operation() -> impl Strategy<Value = Operation> {
    let session = 0..2_usize;
    prop_oneof![
        3 => prop_oneof![4 => Just(First), 1 => (0..3_usize).prop_map(Of)].prop_map(SignIn),
        3 => (session.clone(), prop_oneof![Just(End), Just(Keep)]).prop_map(|(by, others)| Change(by, others)),
        1 => session.clone().prop_map(DeleteWithPassword),
        1 => session.clone().prop_map(DeleteFresh),
        1 => session.clone().prop_map(RevokeAll),
        1 => session.clone().prop_map(RevokeOthers),
        1 => session.clone().prop_map(RevokeOther),
        1 => session.clone().prop_map(SignOut),
        1 => session.clone().prop_map(Update),
        1 => session.clone().prop_map(Verify),
        1 => session.prop_map(Token),
    ]
}

#[rstest]
fn operations_by_three_at_once_in_any_order_keep_what_was_proved(#[values(Sqlite, Postgres)] kind: Kind) {
    let runtime = runtime();
    let Some(world) = runtime.block_on(World::start(kind)) else { return };
    let hash = prop_oneof![Just(Hash::Own), Just(Hash::Imported)];
    let turns = prop::collection::vec((0..3_usize, 1..12_usize), 2..9);
    let cases = (hash, prop::collection::vec(operation(), 3), turns);
    let config = Config { cases: 24, max_shrink_iters: 40, failure_persistence: None, ..Config::default() };
    let judged = std::cell::Cell::new(0);
    let outcome = TestRunner::new(config).run(&cases, |(hash, operations, turns)| {
        let after = runtime.block_on(world.run(hash, &operations, &turns));
        if !after.is_unknown() {
            judged.set(judged.get() + 1);
            let broken = after.broken();
            prop_assert!(broken.is_empty(), "{broken:#?}\n{:#?}", after.outcomes);
        }
        Ok(())
    });
    outcome.unwrap();
    // A machine that is busy with other things lets some run into the time limits of the database.
    assert!(judged.get() >= 6, "{} of 24 could be judged", judged.get());
}
