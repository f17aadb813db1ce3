//! Little memory, few threads, and configs that ask for more than there is: a clear error, for the
//! run where nothing could be rendered and else for the image, and never a crash.

mod common;

use std::fs;

use common::Bench;

#[test]
fn an_image_size_that_no_worker_can_hold_is_refused_before_any_work() {
    let bench = Bench::small(1, "IMAGE_SIZE: 65500");
    let limits = ["--as=8589934592"];
    fs::create_dir(bench.path("mnt")).unwrap();
    for arguments in [
        ["materialize"].as_slice(),
        &["materialize", "--dry-run"],
        &["check"],
        &["mount", "-c", "config.yml", "mnt"],
        &["mount", "-c", "config.yml", "mnt", "--foreground"],
    ] {
        let ran = bench.run_limited(&limits, arguments).expect_status(1);
        let said = ran.stderr();
        let wanted = "IMAGE_SIZE: 65500 needs 17.18 GiB of memory for each of 2 workers and ulimit -v \
                      allows 8.00 GiB: lower IMAGE_SIZE or NUM_WORKERS";
        assert!(said.contains(wanted), "{arguments:?}: {said}");
        assert!(!said.contains("panicked"), "{said}");
    }
    assert!(!bench.out().join("chex-ray14").exists());
}

#[test]
fn usual_sizes_are_rendered_by_many_workers_in_little_memory() {
    let bench = Bench::small(2, "IMAGE_SIZE: 1024");
    let limits = ["--as=2147483648"];
    let ran = bench
        .run_limited(&limits, &["materialize", "--workers", "64"])
        .expect_status(0);
    assert_eq!(ran.summary_of("chex-ray14"), [2, 2, 0, 0]);
}

#[test]
fn an_image_without_memory_fails_alone_and_is_made_when_there_is_some() {
    let bench = Bench::small(2, "IMAGE_SIZE: 6000");
    // Colour takes three times the memory of gray: 108 MB for its pixels.
    let (width, height) = (40, 30);
    let file = fs::File::create(bench.small_source(1)).unwrap();
    let mut encoder = png::Encoder::new(file, width, height);
    encoder.set_color(png::ColorType::Rgb);
    let pixels: Vec<u8> = (0..width * height * 3).map(|at| (at % 251) as u8).collect();
    encoder
        .write_header()
        .unwrap()
        .write_image_data(&pixels)
        .unwrap();

    let arguments = ["materialize", "--workers", "1"];
    let ran = bench
        .run_limited(&["--as=170000000"], &arguments)
        .expect_status(3);
    assert_eq!(ran.summary_of("chex-ray14"), [2, 1, 0, 1]);
    let causes = bench.failure_causes();
    assert!(causes[0].starts_with("no memory for "), "{causes:?}");
    let ran = bench.run(&arguments).expect_status(0);
    assert_eq!(ran.summary_of("chex-ray14"), [2, 1, 1, 0]);
}

#[test]
fn more_workers_than_the_system_starts_are_no_crash() {
    let bench = Bench::small(2000, "IMAGE_SIZE: 16");
    // The stacks of 1000 threads, 2 MiB each, do not fit into this address space.
    let limits = ["--as=1000000000"];
    let arguments = ["materialize", "--workers", "1000"];
    let ran = bench.run_limited(&limits, &arguments).expect_status(0);
    assert!(!ran.stderr().contains("panicked"), "{}", ran.stderr());
    assert_eq!(ran.summary_of("chex-ray14"), [2000, 2000, 0, 0]);
    assert!(ran.stderr().contains("of 1000 workers"), "{}", ran.stderr());
}
