//! Model checking of eviction beside readers: shuttle runs each test under many orders in which its
//! threads can meet.

use std::sync::Arc;

use shuttle::thread;

use super::order::{OlderFiles, Order};
use super::pin::Pin;
use crate::store::ContentKey;
use crate::sync::{Mutex, held};

/// Orders that are tried out, of each of two kinds: at random, and such that few changes of thread at
/// the worst moments are enough to fail.
const SCHEDULES: usize = 3000;
const CHANGES_OF_THREAD: usize = 3;

const BLOCK: u64 = 4096;

fn check(model: impl Fn() + Send + Sync + Copy + 'static) {
    shuttle::check_random(model, SCHEDULES);
    shuttle::check_pct(model, SCHEDULES, CHANGES_OF_THREAD);
}

fn key(number: u8) -> ContentKey {
    ContentKey::from_bytes([number; 16])
}

/// Opens a file as the cache does: pinned first, then counted.
fn open(order: &Arc<Mutex<Order>>, key: ContentKey) -> Pin {
    let pin = Pin::new(order, key);
    held(order).insert(key, 1);
    pin
}

#[test]
fn an_open_file_is_never_evicted_and_bytes_are_the_sum() {
    check(|| {
        let order = Arc::new(Mutex::new(Order::new()));
        held(&order).complete(OlderFiles::new(std::iter::empty()));
        let readers = [[1, 2], [2, 1], [1, 3]].map(|numbers| {
            let order = Arc::clone(&order);
            thread::spawn(move || {
                for number in numbers {
                    let pin = open(&order, key(number));
                    thread::yield_now();
                    assert!(held(&order).contains(key(number)), "evicted while open");
                    drop(pin);
                }
            })
        });
        let evictor = {
            let order = Arc::clone(&order);
            thread::spawn(move || {
                for limit in [BLOCK, 0] {
                    held(&order).evict(limit);
                }
            })
        };
        for thread in readers.into_iter().chain([evictor]) {
            thread.join().unwrap();
        }
        let mut order = held(&order);
        assert_eq!(order.bytes(), order.len() as u64 * BLOCK);
        // No pin is left behind.
        order.evict(0);
        assert_eq!((order.bytes(), order.len()), (0, 0));
    });
}

#[test]
fn what_is_opened_while_stock_is_taken_stays_known() {
    check(|| {
        let order = Arc::new(Mutex::new(Order::new()));
        let stock = {
            let order = Arc::clone(&order);
            thread::spawn(move || {
                let older = [1, 2].map(|number| (key(number), 1));
                held(&order).complete(OlderFiles::new(older.into_iter()));
                held(&order).evict(BLOCK);
            })
        };
        let reader = {
            let order = Arc::clone(&order);
            thread::spawn(move || {
                let _old = open(&order, key(1));
                let _new = open(&order, key(3));
                thread::yield_now();
                let order = held(&order);
                assert!(order.contains(key(1)) && order.contains(key(3)));
            })
        };
        stock.join().unwrap();
        reader.join().unwrap();
        let order = held(&order);
        assert_eq!(order.bytes(), order.len() as u64 * BLOCK);
        assert!(order.is_complete());
    });
}
