//! Models of what threads share here, explored by `loom` in every order that the language allows: the recorder's own
//! code runs, on few threads and few calls. The package in `fixtures/model/` builds and runs them.

use loom::thread::{self, JoinHandle};
use model::{Model, Witness};

use super::account::Account;
use super::accounts::Accounts;
use super::atomic::{AtomicU64, Ordering::Relaxed};
use super::frame::Frame;
use super::lines::{self, LineKey, line_of};
use super::memory::{Link, List, Listed, linked_or_new, new_permanent, zeroed};
use super::overflow::Contended;
use super::shard::{SHARDS, Shard};
use super::shared_level::SharedLevel;
use super::stacks::{StackId, models as of_stacks};
use crate::words::{AccountId, ClassId, FOREIGN, Node, OTHER, OperationId, Tid, UNATTRIBUTED};

const MODELS: [Model; 12] = [
    Model::new("a shard changes hands", a_shard_changes_hands),
    Model::new("a reader of a shard that is claimed", a_reader_of_a_shard_that_is_claimed),
    Model::new("a list and its reader", a_list_and_its_reader),
    Model::new("a link that two make", a_link_that_two_make),
    Model::new("an account without a shard", an_account_without_a_shard),
    Model::new("a line and its reader", a_line_and_its_reader),
    Model::new("a shared level is used again", a_shared_level_is_used_again),
    Model::new("a thread that begins in a scope", a_thread_that_begins_in_a_scope),
    Model::new("scopes and their reader", scopes_and_their_reader),
    Model::new("a level that climbs and its reader", a_level_that_climbs_and_its_reader),
    Model::new("the ledger's own work and a reader", the_ledgers_own_work_and_a_reader),
    Model::new("a stack that two keep", of_stacks::a_stack_that_two_keep),
];

/// Orderings that no model needs: part of the file, part of the line, and why it stands there all the same.
const EXCUSES: [(&str, &str, &str); 0] = [];

#[test]
fn what_threads_share_holds_in_every_order_and_each_ordering_is_needed() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/");
    model::hold(&MODELS, &EXCUSES, |file| std::fs::read_to_string(format!("{root}{file}")).expect("it was compiled"));
}

fn join<R>(threads: impl IntoIterator<Item = JoinHandle<R>>) {
    for thread in threads {
        thread.join().expect("it only records");
    }
}

/// Claims a shard and counts one block of one byte there.
fn count_in_a_shard() -> &'static Shard {
    let shard = Shard::claim().expect("there is memory");
    let account = shard.accounts.of(UNATTRIBUTED.account()).expect("there is memory");
    account.counters.activity.allocated(1);
    if !shard.level.rise(1) {
        shard.level.settle(0);
    }
    shard
}

fn a_shard_changes_hands() {
    let witness = Witness::new();
    let shard = count_in_a_shard();
    witness.touch();
    shard.release();
    let again = move || {
        let claimed = count_in_a_shard();
        if std::ptr::eq(claimed, shard) {
            witness.touch();
        }
        claimed.release();
    };
    join([again, again].map(thread::spawn));
    assert_eq!(SHARDS.iter().map(|shard| balance(shard).0).sum::<i64>(), 3, "no count is lost");
}

/// What a shard's only account says, in bytes, and what its witness says.
fn balance(shard: &Shard) -> (i64, i64) {
    let net = shard.read_account(UNATTRIBUTED.account()).map_or(0, |account| account.counts.net_bytes());
    (net, shard.witness())
}

fn a_reader_of_a_shard_that_is_claimed() {
    let shard = count_in_a_shard();
    shard.release();
    let counting = thread::spawn(|| count_in_a_shard().release());
    let reading = thread::spawn(move || {
        let last = shard.last_thread();
        let nobody = !shard.is_claimed();
        let (net, witness) = balance(shard);
        if nobody && shard.last_thread() == last {
            assert_eq!(net, witness, "nobody counts, and nothing is half");
        }
    });
    join([counting, reading]);
    assert_eq!(balance(shard), (2, 2));
}

struct Item {
    number: AtomicU64,
    next: Link<Item>,
}

zeroed!(Item { number, next });

impl Listed for Item {
    fn next(&self) -> &Link<Self> {
        &self.next
    }
}

fn a_list_and_its_reader() {
    static LIST: List<Item> = List::new();
    let push = |number| {
        move || {
            let item: &'static Item = new_permanent().expect("there is memory");
            item.number.store(number, Relaxed);
            LIST.push(item);
        }
    };
    let seen = || LIST.iter().map(|item| item.number.load(Relaxed)).collect::<Vec<_>>();
    let pushing = [1, 2].map(|number| thread::spawn(push(number)));
    let reading = thread::spawn(move || assert!(seen().iter().all(|number| *number != 0), "an item is whole"));
    join(pushing);
    join([reading]);
    let mut all = seen();
    all.sort_unstable();
    assert_eq!(all, [1, 2]);
}

fn a_link_that_two_make() {
    static LINK: Link<Item> = Link::none();
    let make = || {
        let item = linked_or_new(&LINK).expect("there is memory");
        item.number.fetch_add(1, Relaxed);
        std::ptr::from_ref(item).addr()
    };
    let made = [make, make].map(thread::spawn).map(|thread| thread.join().expect("it only links"));
    assert_eq!(made[0], made[1]);
    assert_eq!(LINK.get().map(|item| item.number.load(Relaxed)), Some(2));
}

fn an_account_without_a_shard() {
    static ACCOUNTS: Accounts<Contended> = Accounts::new();
    let id = AccountId::new(20);
    let count = move || {
        let account = ACCOUNTS.of(id).expect("there is memory");
        account.counters.activity.allocated(3);
    };
    join([count, count].map(thread::spawn));
    let counts = ACCOUNTS.find(id).map(|account| account.read().counts).expect("it was made");
    assert_eq!((counts.allocs, counts.allocated_bytes), (2, 6));
}

fn a_line_and_its_reader() {
    assert!(lines::begin());
    static ACCOUNT: Account<Contended> = Account::unused();
    let key =
        LineKey { operation: OperationId::new(40), stack: StackId::new(9), class: ClassId::of(10), sampled: false };
    let issue = move || {
        let line = lines::account_of(key).expect("there is room");
        assert_eq!(line_of(line), Some(key), "whoever has it knows it");
        line
    };
    let other = thread::spawn(move || {
        let line = issue();
        ACCOUNT.begin(line);
        line
    });
    let reading = thread::spawn(move || {
        if let Some(found) = ACCOUNT.id() {
            assert_eq!(line_of(found), Some(key), "whoever finds it knows it");
        }
        issue()
    });
    let lines = [other, reading].map(|thread| thread.join().expect("it only asks"));
    assert_eq!(lines[0], lines[1], "it has one account");
}

fn a_shared_level_is_used_again() {
    let witness = Witness::new();
    let level = SharedLevel::begin(&UNATTRIBUTED, None, false).expect("there is memory");
    level.join();
    let user = thread::spawn(move || {
        level.arrive();
        level.add(10);
        witness.touch();
        level.leave();
    });
    let scope = thread::spawn(move || {
        level.end();
        let again = SharedLevel::begin(&OTHER, None, false).expect("there is memory");
        if std::ptr::eq(level, again) {
            witness.touch();
            assert_eq!((again.value(), again.peak(), again.tellers()), (0, 0, 1));
        }
    });
    join([user, scope]);
}

/// A shard whose stack has begun, an account of another operation there, and what opens a scope of it.
fn stack_of_a_shard() -> (&'static Shard, &'static Account, impl Fn(&'static Node) -> (&'static Frame, u64) + Copy) {
    let shard = count_in_a_shard();
    let account = |node: &Node| shard.accounts.of(node.account()).expect("there is memory");
    let (base, inner) = (account(&UNATTRIBUTED), account(&OTHER));
    shard.begin_stack(&UNATTRIBUTED, base);
    let open = move |node| {
        let frame = shard.stack.spare_or_new().expect("there is memory");
        let level = (&shard.level, shard.level.value());
        (frame, shard.stack.open(frame, base, (node, inner), None, level))
    };
    (shard, inner, open)
}

/// Reads the scopes that run in `shard`. Their peaks are to be below `highest`, as far as they can be read.
fn read_peaks(shard: &'static Shard, highest: impl Fn(&Node) -> u64) {
    let mut running = Vec::new();
    if shard.read_running(&mut running) {
        assert!(running.iter().all(|scope| scope.peak.bytes <= highest(scope.node)), "{running:?}");
    }
}

fn scopes_and_their_reader() {
    let (shard, inner, open) = stack_of_a_shard();
    let working = thread::spawn(move || {
        let (scope, serial) = open(&OTHER);
        if !shard.level.rise(64) {
            shard.level.settle(0);
        }
        shard.close(inner, scope, serial);
        // The same frame again.
        open(&FOREIGN);
    });
    let highest = |node: &Node| if node.id == OTHER.id { 64 } else { 0 };
    let reading = thread::spawn(move || read_peaks(shard, highest));
    join([working, reading]);
}

fn a_level_that_climbs_and_its_reader() {
    let (shard, _, open) = stack_of_a_shard();
    open(&OTHER);
    // One block is allocated and looked at; the level passes its peak by another, and falls.
    shard.level.rise(60);
    shard.level.settle(0);
    let working = thread::spawn(move || {
        shard.stack.change(|| shard.level.climb());
        shard.level.rise(4);
        shard.stack.change(|| shard.level.end_climb(0));
    });
    let reading = thread::spawn(move || {
        let mut running = Vec::new();
        if shard.read_running(&mut running) {
            assert!(running.iter().all(|scope| (60..=64).contains(&scope.peak.bytes)), "{running:?}");
        }
    });
    join([working, reading]);
    let mut running = Vec::new();
    assert!(shard.read_running(&mut running), "nobody changes it");
    assert_eq!(running.first().map(|scope| scope.peak.bytes), Some(64));
}

fn the_ledgers_own_work_and_a_reader() {
    let (shard, _, open) = stack_of_a_shard();
    open(&OTHER);
    let working = thread::spawn(move || {
        let before = shard.stack.change(|| shard.level.begin_quiet());
        if !shard.level.rise(64) {
            shard.level.settle(0);
        }
        shard.stack.change(|| shard.level.end_quiet(before));
    });
    let reading = thread::spawn(move || read_peaks(shard, |_| 0));
    join([working, reading]);
}

fn a_thread_that_begins_in_a_scope() {
    let shard = count_in_a_shard();
    let level = SharedLevel::begin(&UNATTRIBUTED, None, false).expect("there is memory");
    level.join();
    let beginning = thread::spawn(move || shard.begin_in(level, Tid(7)));
    let asking = thread::spawn(move || assert_ne!(shard.tid_within(level), Some(Tid(0)), "it has its number"));
    join([beginning, asking]);
    assert_eq!(shard.tid_within(level), Some(Tid(7)));
}
