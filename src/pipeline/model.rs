//! Model checking of single flight and of the queues: shuttle runs each test with many thread
//! interleavings, and finds threads that wait forever.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use shuttle::thread;

use super::flights::{Flights, Outcome, Waiter};
use super::queue::{Priority, Queue};
use super::{Item, Known};
use crate::store::Body;
use crate::store::tier::Want;
use crate::sync::{Condvar, Mutex};

/// How many interleavings to try of each of two kinds: random ones, and those that need few thread
/// switches at the worst moments to fail.
const SCHEDULES: usize = 3000;
const CHANGES_OF_THREAD: usize = 3;

fn check(model: impl Fn() + Send + Sync + Copy + 'static) {
    shuttle::check_random(model, SCHEDULES);
    shuttle::check_pct(model, SCHEDULES, CHANGES_OF_THREAD);
}

/// What a reader waits for.
#[derive(Default)]
struct Answer {
    times: Mutex<usize>,
    changed: Condvar,
}

impl Answer {
    fn give(&self) {
        *self.times.lock() += 1;
        self.changed.notify_all();
    }

    fn wait(&self) {
        let mut times = self.times.lock();
        while *times == 0 {
            self.changed.wait(&mut times);
        }
    }
}

/// Flights and the workers' queue, as in a server.
#[derive(Clone)]
struct Model {
    flights: Arc<Flights>,
    queue: Arc<Queue<Item>>,
    made: Arc<AtomicUsize>,
}

impl Model {
    fn new() -> Self {
        Self {
            flights: Arc::default(),
            queue: Arc::new(Queue::new()),
            made: Arc::default(),
        }
    }

    fn work(&self) {
        while let Some((item, _)) = self.queue.next(None) {
            let outcome: Outcome = match self.flights.want(item) {
                Want::Size => Ok((Known::example(), None)),
                Want::Body => Ok((Known::example(), Some(Body::Memory(vec![1].into())))),
            };
            self.made.fetch_add(1, Ordering::Relaxed);
            if !self.flights.land(item, &outcome) {
                self.queue.push(item, Priority::Demand);
            }
            self.queue.done();
        }
    }

    /// Requests a file, and waits for the result.
    fn read(&self, item: Item, want: Want) {
        let answer = Arc::new(Answer::default());
        let told = Arc::clone(&answer);
        let waiter = match want {
            Want::Size => Waiter::Size(Box::new(move |result| {
                assert!(result.is_ok());
                told.give();
            })),
            Want::Body => Waiter::Body(Box::new(move |result| {
                assert_eq!(result.unwrap().1.size(), 1);
                told.give();
            })),
        };
        if self.flights.join(item, waiter) {
            self.queue.push(item, Priority::Demand);
        } else {
            self.queue.promote(|waiting| *waiting == item);
        }
        answer.wait();
        // Each waiter is told exactly once: its closure can only be called once.
        assert_eq!(*answer.times.lock(), 1);
    }

    fn read_ahead(&self, item: Item) {
        if self.flights.begin(item, Want::Size) {
            self.queue.push(item, Priority::Ahead);
        }
    }

    /// Runs these threads beside workers, and checks that all of them end and nothing is left.
    fn run(&self, workers: usize, readers: Vec<Box<dyn FnOnce(Model) + Send>>) {
        let spawn = |work: Box<dyn FnOnce(Model) + Send>| {
            let model = self.clone();
            thread::spawn(move || work(model))
        };
        let workers: Vec<_> = (0..workers)
            .map(|_| spawn(Box::new(|model| model.work())))
            .collect();
        let readers: Vec<_> = readers.into_iter().map(spawn).collect();
        for reader in readers {
            reader.join().unwrap();
        }
        // Files that were only read ahead are made too.
        while self.flights.len() > 0 {
            thread::yield_now();
        }
        self.queue.close();
        for worker in workers {
            worker.join().unwrap();
        }
        assert_eq!(self.queue.load(), (0, 0));
    }
}

#[test]
fn everybody_who_joins_a_flight_is_told() {
    check(|| {
        let item = Item::image(0, 7);
        let reader = |want| -> Box<dyn FnOnce(Model) + Send> {
            Box::new(move |model: Model| model.read(item, want))
        };
        let model = Model::new();
        model.run(
            2,
            vec![
                reader(Want::Size),
                reader(Want::Body),
                reader(Want::Body),
                Box::new(move |model| model.read_ahead(item)),
            ],
        );
        let made = model.made.load(Ordering::Relaxed);
        assert!((1..=5).contains(&made), "made {made} times for four");
    });
}

#[test]
fn readers_of_several_files_do_not_wait_for_each_other() {
    check(|| {
        let reader = |number, want| -> Box<dyn FnOnce(Model) + Send> {
            Box::new(move |model: Model| {
                model.read(Item::image(0, number), want);
                model.read_ahead(Item::image(0, number + 1));
                model.read(Item::index(0), Want::Size);
            })
        };
        Model::new().run(2, vec![reader(1, Want::Body), reader(2, Want::Size)]);
    });
}

#[test]
fn no_item_of_a_queue_is_lost_or_taken_twice() {
    check(|| {
        let queue = Arc::new(Queue::new());
        let taken = Arc::new((Mutex::new(Vec::new()), Condvar::new()));
        let takers: Vec<_> = (0..2)
            .map(|_| {
                let (queue, taken) = (Arc::clone(&queue), Arc::clone(&taken));
                thread::spawn(move || {
                    while let Some((item, _)) = queue.next(None) {
                        taken.0.lock().push(item);
                        taken.1.notify_all();
                        queue.done();
                    }
                })
            })
            .collect();
        let givers: Vec<_> = [Priority::Demand, Priority::Ahead]
            .into_iter()
            .zip([0, 10])
            .map(|(priority, first)| {
                let queue = Arc::clone(&queue);
                thread::spawn(move || {
                    queue.push(first, priority);
                    queue.push(first + 1, priority);
                    queue.promote(|item| *item == 10);
                })
            })
            .collect();
        // Before the queue is closed: an item for which no thread is woken would wait forever.
        let mut all = taken.0.lock();
        while all.len() < 4 {
            taken.1.wait(&mut all);
        }
        all.sort_unstable();
        assert_eq!(*all, [0, 1, 10, 11]);
        drop(all);
        queue.close();
        for thread in takers.into_iter().chain(givers) {
            thread.join().unwrap();
        }
        assert_eq!(queue.load(), (0, 0));
    });
}

#[test]
fn every_thread_ends_when_a_queue_is_closed() {
    check(|| {
        let queue = Arc::new(Queue::new());
        let takers: Vec<_> = (0..3)
            .map(|_| {
                let queue = Arc::clone(&queue);
                thread::spawn(move || {
                    while queue.next(None).is_some() {
                        queue.done();
                    }
                })
            })
            .collect();
        let giver = {
            let queue = Arc::clone(&queue);
            thread::spawn(move || {
                queue.push(1, Priority::Ahead);
                queue.push(2, Priority::Demand);
            })
        };
        queue.close();
        for thread in takers.into_iter().chain([giver]) {
            thread.join().unwrap();
        }
        assert_eq!((queue.next(None), queue.load()), (None, (0, 0)));
    });
}
