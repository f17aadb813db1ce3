//! machex turns ten public chest radiograph datasets into one uniform tree of JPEGs, byte for
//! byte as the original MaCheX Python script does, and several times faster.
//!
//! Modules follow the way data takes:
//!
//! ```text
//! config ─► datasets ─► catalog ─► render ─► store ─┬─► materialize
//!             (lists)            (source)           └─► serve ─► filesystem ─► mount
//!                └────── storage ───┘
//!
//! config, or a finished tree ─► survey ─┬─► preview
//!                                       └─► report
//! ```
//!
//! * [`config`]: `config.yml`, checked once, with every problem reported at once.
//! * [`datasets`]: what differs between the ten datasets, one small file each.
//! * [`lists`]: the readers they share (CSV and text lists, plain or gzip; sorted folders).
//! * [`storage`]: where raw bytes come from: the one way to lists and sources.
//! * [`catalog`]: the numbered list of one dataset, its stored form and its `index.json`.
//! * [`render`]: a pure function from the bytes of a source image to the bytes of a JPEG.
//! * [`source`]: source files, from the storage into the renderer.
//! * [`store`]: where finished images live, and what is remembered of them.
//! * [`removal`]: whether sources have gone of which finished images were made.
//! * [`materialize`]: every image of every dataset, in parallel, resumable.
//! * [`serve`]: images and indexes on demand: each made once, when it is first needed.
//! * [`filesystem`]: FUSE requests, translated into what `serve` offers.
//! * [`mount`]: a mount from its beginning to its end.
//! * [`check`]: what the raw trees hold, before any work is done.
//! * [`survey`]: what the datasets of a config, or of a finished tree, hold, and some images of each.
//! * [`preview`]: a contact sheet of these.
//! * [`report_page`]: a page of them, with what fails.
//! * [`sample`]: small synthetic raw trees in all ten layouts.

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
pub mod storage;
pub mod store;
pub mod survey;
mod sync;
pub mod synthetic;
mod words;
mod workers;
