//! Renders a source and checks what must hold of any.

use std::cell::RefCell;

use machex::render::{RenderError, RenderParams, Rendered, Renderer, describe, refuse};

/// Small, so that most of the time goes into decoders.
const PARAMS: RenderParams = RenderParams {
    size: 32,
    quality: 95,
};

/// Larger images are left out: they are slow, and their rows are decoded like those of small ones.
/// What memory they may take is tested elsewhere, with a limit of the address space.
const MOST_PIXELS: usize = 1 << 20;

/// Bytes of a file that are looked at before it is read.
const START: usize = 64 << 10;

thread_local! {
    /// The renderer of all inputs, and the last of them.
    static USED: RefCell<(Renderer, Vec<u8>)> =
        RefCell::new((Renderer::new(PARAMS), Vec::new()));
}

/// Renders `source` with a renderer that has rendered all inputs so far, with the same once more, and
/// with a new one. The result must be the same; a panic of a decoder is a fault though the renderer
/// makes an error of it.
pub fn render(source: &[u8]) {
    match describe(source) {
        Ok(description) if description.width * description.height > MOST_PIXELS => return,
        Ok(description) => drop(description.to_string()),
        Err(error) => check_error(&error),
    }
    USED.with_borrow_mut(|(renderer, previous)| {
        let result = renderer.render(source);
        check(&result);
        // What is asked before a file is read must not keep out what can be rendered.
        let start = &source[..source.len().min(START)];
        assert!(result.is_err() || refuse(start, source.len() as u64).is_ok());
        let again = renderer.render(source);
        assert!(same(&result, &again), "the second time, the result differs");
        let alone = Renderer::new(PARAMS).render(source);
        if !same(&result, &alone) {
            let path = std::env::temp_dir().join("machex-fuzz-previous");
            let _ = std::fs::write(&path, previous);
            panic!("the result depends on the input before this one: {path:?}");
        }
        previous.clear();
        previous.extend_from_slice(source);
    });
}

fn same(a: &Result<Rendered, RenderError>, b: &Result<Rendered, RenderError>) -> bool {
    match (a, b) {
        (Ok(a), Ok(b)) => a == b,
        // A decoder's message may hold what differs, such as an address; that both fail is what counts.
        (Err(_), Err(_)) => true,
        _ => false,
    }
}

fn check(result: &Result<Rendered, RenderError>) {
    match result {
        Ok(Rendered { jpeg, notes }) => {
            assert!(jpeg.starts_with(b"\xff\xd8") && jpeg.ends_with(b"\xff\xd9"));
            let description = describe(jpeg).expect("a JPEG that machex wrote");
            assert_eq!((description.width, description.height), (32, 32));
            drop(notes.damage.as_ref().map(ToString::to_string));
        }
        Err(error) => check_error(error),
    }
}

fn check_error(error: &RenderError) {
    assert!(!matches!(error, RenderError::Crashed(_)), "{error}");
    assert!(!error.to_string().is_empty());
}
