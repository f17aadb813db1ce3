use super::*;
use proptest::prelude::*;

#[test]
fn gaps_of_siim_go_down_the_columns() {
    // Of 4 x 3 pixels: the lower two of column 0, and all of column 1.
    //   . # . .
    //   # # . .
    //   # # . .
    let runs = Runs::from_siim(["1 2 0 3"], 4, 3).unwrap();
    assert_eq!(runs.as_slice(), [1, 1, 4, 2, 8, 2]);
    assert_eq!((runs.area(), runs.width(), runs.height()), (5, 4, 3));
}

#[test]
fn masks_of_an_image_are_joined() {
    //   # #
    //   # .
    //   # .
    let runs = Runs::from_siim(["1 2", " -1", "0 2 1 1", ""], 2, 3).unwrap();
    assert_eq!(runs.as_slice(), [0, 3, 4, 1]);
    assert!(Runs::from_siim(["-1"], 2, 3).unwrap().is_empty());
    assert!(Runs::from_siim([], 2, 3).unwrap().into_vec().is_empty());
}

#[test]
fn starts_of_chexmask_count_from_1_along_the_rows() {
    let runs = |mask| Runs::from_chexmask(mask, 4, 3).map(Runs::into_vec);
    assert_eq!(runs("2 2 6 7"), Ok(vec![1, 2, 5, 7]));
    assert_eq!(runs("6 1 1 2 3 2 1 1 12 0 "), Ok(vec![0, 4, 5, 1]));
    assert_eq!(runs("2 5 3 1 10 1"), Ok(vec![1, 5, 9, 1]));
    assert_eq!(runs(""), Ok(vec![]));
    let all = Runs::from_chexmask("1 9000000", 3000, 3000).unwrap();
    assert_eq!(all.area(), 9_000_000);
}

#[test]
fn an_error_says_what_is_wrong() {
    let (width, height) = (4, 3);
    let outside = |run| RunsError::Outside { run, width, height };
    for (mask, in_siim, in_chexmask) in [
        (
            "1",
            RunsError::OddCount { count: 1 },
            RunsError::OddCount { count: 1 },
        ),
        (
            "1 2 3",
            RunsError::OddCount { count: 3 },
            RunsError::OddCount { count: 3 },
        ),
        ("1 2 4 10", outside(2), outside(2)),
        ("13 1", outside(1), outside(1)),
        ("4294967295 4294967295", outside(1), outside(1)),
    ] {
        assert_eq!(
            Runs::from_siim([mask], width, height),
            Err(in_siim),
            "{mask}"
        );
        assert_eq!(
            Runs::from_chexmask(mask, width, height),
            Err(in_chexmask),
            "{mask}"
        );
    }
    for mask in ["1 -2", "1 +2", "1 2.0", "1 x", "1 4294967296", "1 ٢"] {
        let fault = RunsError::NotANumber { number: 2 };
        assert_eq!(
            Runs::from_siim([mask], width, height),
            Err(fault.clone()),
            "{mask}"
        );
        assert_eq!(
            Runs::from_chexmask(mask, width, height),
            Err(fault),
            "{mask}"
        );
    }
    let fault = RunsError::StartsAtZero { run: 2 };
    assert_eq!(Runs::from_chexmask("1 1 0 2", width, height), Err(fault));
}

#[test]
fn a_picture_of_any_size_is_fine() {
    assert!(Runs::from_siim(["0 0"], 0, 0).unwrap().is_empty());
    assert!(Runs::from_siim(["0 1"], 0, 5).is_err());
    let fault = |width, height| Err(RunsError::TooLarge { width, height });
    assert_eq!(Runs::from_siim([], 70_000, 70_000), fault(70_000, 70_000));
    assert_eq!(Runs::from_siim([], 5_000, 5_000), fault(5_000, 5_000));
    assert_eq!(
        Runs::from_chexmask("", 70_000, 70_000),
        fault(70_000, 70_000)
    );
    let end = Runs::from_chexmask("4294967295 1", u32::MAX, 1).unwrap();
    assert_eq!(end.as_slice(), [u32::MAX - 1, 1]);
}

/// Pixels of a mask, in the order in which it counts them.
fn bitmap() -> impl Strategy<Value = (u32, u32, Vec<bool>)> {
    (1_u32..20, 1_u32..20).prop_flat_map(|(width, height)| {
        let pixels = (width * height) as usize;
        let bits = proptest::collection::vec(any::<bool>(), pixels);
        (Just(width), Just(height), bits)
    })
}

/// Starts and lengths of the runs, from a bitmap.
fn by_definition(bitmap: &[bool]) -> Vec<u32> {
    let at = |index: usize| index < bitmap.len() && bitmap[index];
    (0..bitmap.len())
        .filter(|index| at(*index) && !(*index > 0 && at(index - 1)))
        .flat_map(|start| [start, (start..).take_while(|index| at(*index)).count()])
        .map(|number| number as u32)
        .collect()
}

proptest! {
    #[test]
    fn a_bitmap_comes_back((width, height, rows) in bitmap()) {
        let (w, h) = (width as usize, height as usize);
        let expected = by_definition(&rows);
        let area = rows.iter().filter(|bit| **bit).count() as u32;
        let from_1 = |run: &[u32]| format!("{} {}", run[0] + 1, run[1]);
        let text: Vec<_> = expected.chunks(2).map(from_1).collect();
        let runs = Runs::from_chexmask(&text.join(" "), width, height).unwrap();
        prop_assert_eq!(runs.as_slice(), expected.as_slice());
        prop_assert_eq!(runs.area(), area);

        let transposed = |index: usize| rows[(index % h) * w + index / h];
        let columns = by_definition(&(0..w * h).map(transposed).collect::<Vec<_>>());
        let mut position = 0;
        let from_last = |run: &[u32]| {
            let gap = run[0] - position;
            position = run[0] + run[1];
            format!("{gap} {}", run[1])
        };
        let text: Vec<_> = columns.chunks(2).map(from_last).collect();
        let runs = Runs::from_siim([text.join(" ").as_str()], width, height).unwrap();
        prop_assert_eq!(runs.as_slice(), expected.as_slice());

        // A mask for each run.
        let alone = |run: &[u32]| format!("{} {}", run[0], run[1]);
        let masks: Vec<_> = columns.chunks(2).rev().map(alone).collect();
        let joined = Runs::from_siim(masks.iter().map(String::as_str), width, height).unwrap();
        prop_assert_eq!(joined, runs);
    }

    #[test]
    fn no_text_panics_and_runs_are_in_order(
        text in "(?s).{0,20}|([0-9]{1,2} ){0,12}",
        (width, height) in (0_u32..20, 0_u32..20),
    ) {
        let siim = Runs::from_siim([text.as_str(), text.as_str()], width, height);
        for runs in [siim, Runs::from_chexmask(&text, width, height)].into_iter().flatten() {
            let mut free = 0;
            for run in runs.as_slice().chunks(2) {
                prop_assert!(run[0] >= free && run[1] > 0);
                free = run[0] + run[1] + 1;
            }
            prop_assert!(free <= width * height + 1);
        }
    }
}
