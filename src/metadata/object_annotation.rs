//! Annotations of object-CXR: the outlines of foreign objects in a picture.
//!
//! An annotation lists shapes with `;` between them, each a number for its kind and coordinates
//! with blanks between them (the organisers' README, <https://github.com/jfhealthcare/object-CXR>):
//!
//! ```text
//! 0 x1 y1 x2 y2              a rectangle, by two opposite corners
//! 1 x1 y1 x2 y2              an ellipse, by the rectangle around it
//! 2 x1 y1 x2 y2 … xn yn      a polygon, by its corners
//! ```
//!
//! Coordinates are pixels of the source; the origin is its top left corner.

use super::shape::Outline;

/// The outline of an object.
#[derive(Debug, Clone, PartialEq)]
pub struct Shape {
    pub kind: Outline,
    /// The rectangle around the shape: its left and top edge, and its size.
    pub x: f64,
    pub y: f64,
    pub width: f64,
    pub height: f64,
    /// The corners of a polygon, x1 y1 x2 y2 …; empty for other shapes.
    pub points: Vec<f64>,
}

/// Why an annotation cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("shape {shape} of the annotation {fault}")]
pub struct AnnotationError {
    /// Counts from 1.
    pub shape: usize,
    pub fault: ShapeFault,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ShapeFault {
    #[error("has no numbers")]
    Empty,
    #[error("is of a kind other than 0 (rectangle), 1 (ellipse) or 2 (polygon)")]
    Kind,
    #[error("has {found} instead of 4 coordinates")]
    BoxCoordinates { found: usize },
    #[error("has {found} coordinates, but a polygon has an even number, and 6 at least")]
    PolygonCoordinates { found: usize },
    #[error("has a coordinate that is not a number: its number {coordinate}")]
    NotANumber {
        /// Counts from 1.
        coordinate: usize,
    },
}

/// The shapes of an annotation; none if it is empty. A `;` may follow the last one.
pub fn shapes(annotation: &str) -> Result<Vec<Shape>, AnnotationError> {
    let annotation = annotation.trim();
    let annotation = annotation.strip_suffix(';').unwrap_or(annotation);
    if annotation.is_empty() {
        return Ok(Vec::new());
    }
    let read = |(index, text)| {
        shape(text).map_err(|fault| AnnotationError {
            shape: index + 1,
            fault,
        })
    };
    annotation.split(';').enumerate().map(read).collect()
}

/// One shape of an annotation.
pub fn shape(text: &str) -> Result<Shape, ShapeFault> {
    let mut words = text.split_whitespace();
    let kind = match words.next().ok_or(ShapeFault::Empty)? {
        "0" => Outline::Rectangle,
        "1" => Outline::Ellipse,
        "2" => Outline::Polygon,
        _ => return Err(ShapeFault::Kind),
    };
    let points: Vec<f64> = words
        .enumerate()
        .map(coordinate)
        .collect::<Result<_, _>>()?;
    let found = points.len();
    match kind {
        Outline::Polygon if found < 6 || found % 2 == 1 => {
            return Err(ShapeFault::PolygonCoordinates { found });
        }
        Outline::Rectangle | Outline::Ellipse if found != 4 => {
            return Err(ShapeFault::BoxCoordinates { found });
        }
        _ => {}
    }
    let (x, width) = extent(points.iter().step_by(2));
    let (y, height) = extent(points.iter().skip(1).step_by(2));
    let is_polygon = kind == Outline::Polygon;
    Ok(Shape {
        kind,
        x,
        y,
        width,
        height,
        points: if is_polygon { points } else { Vec::new() },
    })
}

/// Larger than any picture, and small enough that no size overflows.
const LARGEST_COORDINATE: f64 = 1e9;

fn coordinate((index, word): (usize, &str)) -> Result<f64, ShapeFault> {
    let number = word.parse::<f64>().ok();
    number
        .filter(|number| number.abs() <= LARGEST_COORDINATE)
        .ok_or(ShapeFault::NotANumber {
            coordinate: index + 1,
        })
}

/// The smallest coordinate, and how far it is from the largest one.
fn extent<'a>(coordinates: impl Iterator<Item = &'a f64>) -> (f64, f64) {
    let (low, high) = coordinates.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), next| {
        (low.min(*next), high.max(*next))
    });
    (low, high - low)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn all_kinds_of_shapes_are_read() {
        let found = shapes("0 10 20 110 70;1 5 6 7 8; 2 1 2 9 2 5 12.5;").unwrap();
        let expected = [
            (Outline::Rectangle, [10.0, 20.0, 100.0, 50.0], vec![]),
            (Outline::Ellipse, [5.0, 6.0, 2.0, 2.0], vec![]),
            (
                Outline::Polygon,
                [1.0, 2.0, 8.0, 10.5],
                vec![1.0, 2.0, 9.0, 2.0, 5.0, 12.5],
            ),
        ];
        let expected = expected.map(|(kind, [x, y, width, height], points)| Shape {
            kind,
            x,
            y,
            width,
            height,
            points,
        });
        assert_eq!(found, expected);
        assert_eq!(found[2].kind.name(), "polygon");
    }

    #[test]
    fn an_empty_annotation_has_no_shapes() {
        assert_eq!(shapes(""), Ok(Vec::new()));
        assert_eq!(shapes(" \n"), Ok(Vec::new()));
        assert_eq!(shapes(";"), Ok(Vec::new()));
    }

    #[test]
    fn corners_may_come_in_any_order() {
        assert_eq!(shapes("0 110 70 10 20"), shapes("0 10 20 110 70"));
    }

    #[test]
    fn a_fault_names_its_shape() {
        for (text, number, fault) in [
            ("3 1 2 3 4", 1, ShapeFault::Kind),
            ("rectangle 1 2 3 4", 1, ShapeFault::Kind),
            ("0 1 2 3 4;;1 1 2 3 4", 2, ShapeFault::Empty),
            ("0 1 2 3", 1, ShapeFault::BoxCoordinates { found: 3 }),
            ("1", 1, ShapeFault::BoxCoordinates { found: 0 }),
            ("0 1 2 3 4 5", 1, ShapeFault::BoxCoordinates { found: 5 }),
            (
                "0 1 2 3 4;2 1 2 3 4",
                2,
                ShapeFault::PolygonCoordinates { found: 4 },
            ),
            (
                "2 1 2 3 4 5 6 7",
                1,
                ShapeFault::PolygonCoordinates { found: 7 },
            ),
            ("0 1 2 x 4", 1, ShapeFault::NotANumber { coordinate: 3 }),
            ("0 1 2 3 nan", 1, ShapeFault::NotANumber { coordinate: 4 }),
            ("0 inf 2 3 4", 1, ShapeFault::NotANumber { coordinate: 1 }),
            ("0 1e300 2 3 4", 1, ShapeFault::NotANumber { coordinate: 1 }),
        ] {
            let error = shapes(text).unwrap_err();
            assert_eq!(
                error,
                AnnotationError {
                    shape: number,
                    fault
                },
                "{text}"
            );
        }
        let error = shapes("0 1 2 3 4;0 1").unwrap_err().to_string();
        assert_eq!(
            error,
            "shape 2 of the annotation has 1 instead of 4 coordinates"
        );
    }

    proptest! {
        #[test]
        fn no_text_panics_and_sizes_are_finite(
            text in "(?s).{0,20}|([012] ([0-9.e-]{1,4} ){3,7};?){0,3}",
        ) {
            for shape in shapes(&text).unwrap_or_default() {
                prop_assert!(shape.width >= 0.0 && shape.width.is_finite());
                prop_assert!(shape.height >= 0.0 && shape.height.is_finite());
            }
        }
    }
}
