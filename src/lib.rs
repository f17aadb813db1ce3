//! machex turns public chest radiograph datasets into one uniform tree of JPEGs, byte for byte as the
//! original MaCheX Python script does, and several times faster.
//!
//! The way that data takes:
//!
//! ```text
//! config ─► datasets ─► catalog ─► source ─► render ─► store ─┬─► materialize
//!           (lists)                  ▲                        └─► serve ─► filesystem ─► mount
//!              ▲                     │
//!              └────── storage ──────┘
//!
//! config, or a finished tree ─► survey ─┬─► preview
//!                                       └─► report_page
//! ```
//!
//! The modules, from the ground up: each uses only those above it in this list, which
//! `tests/module_order.rs` checks.
//!
//! * `shown`: text from anywhere, made fit for a terminal.
//! * `words`: counted things, and sentences that several commands say.
//! * `sync`: locks, of which the orders can be model-checked.
//! * `waits`: for how long somebody has been waiting for a disk or a server.
//! * `slow`: lines that say what is being waited for.
//! * `spread`: a few numbers spread over a range.
//! * `workers`: threads that share out numbered work.
//! * [`files`]: files and folders, as the system has them.
//! * [`storage`]: where raw bytes come from: the one way to lists and sources.
//! * [`names`]: names in the tree: datasets' folders, shards, images.
//! * [`progress`]: how far a command is, on a terminal or in a log.
//! * [`render`]: a pure function from the bytes of a source image to the bytes of a JPEG.
//! * [`store`]: where finished images live, and what is remembered of them.
//! * [`catalog`]: the numbered list of one dataset, its stored form and its `index.json`.
//! * [`lists`]: the readers that datasets share (CSV and text lists, plain or gzip; sorted folders).
//! * [`synthetic`]: computed pictures and made-up labels, for samples and tests.
//! * [`datasets`]: what differs between the datasets, one small file each.
//! * [`config`]: `config.yml`, checked once, with every problem reported at once.
//! * [`source`]: source files, from the storage into the renderer.
//! * `pipeline`: queues, threads and single flight for files that are made on demand.
//! * [`removal`]: whether sources have gone of which finished images were made.
//! * [`materialize`]: every image of every dataset, in parallel, resumable.
//! * [`check`]: what the raw trees hold, before any work is done.
//! * [`status`]: the state of a mount, and what is counted in it.
//! * [`serve`]: images and indexes on demand: each made once, when it is first needed.
//! * [`filesystem`]: FUSE requests, translated into what `serve` offers.
//! * [`mount`]: a mount from its beginning to its end.
//! * [`survey`]: what the datasets of a config, or of a finished tree, hold, and some images of each.
//! * [`preview`]: a contact sheet of these.
//! * [`report_page`]: a page of them, with what fails.
//! * [`sample`]: small synthetic raw trees of all datasets.
//! * [`cli`]: the command line.

pub mod catalog;
pub mod check;
pub mod cli;
pub mod config;
pub mod datasets;
pub mod files;
pub mod filesystem;
pub mod lists;
pub mod materialize;
pub mod mount;
pub mod names;
mod pipeline;
pub mod preview;
pub mod progress;
pub mod removal;
pub mod render;
pub mod report_page;
pub mod sample;
pub mod serve;
mod shown;
mod slow;
pub mod source;
mod spread;
pub mod status;
pub mod storage;
pub mod store;
pub mod survey;
mod sync;
pub mod synthetic;
mod waits;
mod words;
mod workers;
