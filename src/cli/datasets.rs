//! `machex datasets`.

use std::io::{self, Write};

use indicatif::HumanCount;

use super::colour::{self, STRONG, styled};
use super::table::{Align, Table};
use super::wrap::Page;
use super::{CliResult, Exit};
use crate::datasets::{KnownDatasets, PatientRule};

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Print one JSON document for scripts
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &Arguments, known: KnownDatasets) -> CliResult {
    let printed = if arguments.json {
        writeln!(io::stdout(), "{:#}", document(known))
    } else {
        print(known)
    };
    Exit::Success.after_printing(printed.map_err(Into::into))
}

fn print(known: KnownDatasets) -> io::Result<()> {
    let mut page = Page::new(colour::stdout().lock());
    write!(page.out, "{}", table(known))?;
    for dataset in known {
        if let PatientRule::InList { file, patient, .. } = dataset.info().patients {
            let name = styled(STRONG, dataset.folder());
            page.line(format_args!(
                "\n{name}: the patient of an image is in the column {patient} of {file}"
            ))?;
        }
    }
    Ok(())
}

fn table(known: KnownDatasets) -> Table {
    let mut table = Table::new(&[
        ("folder", Align::Left),
        ("title", Align::Left),
        ("config key", Align::Left),
        ("images", Align::Right),
        ("patient", Align::Left),
    ]);
    for dataset in known {
        let info = dataset.info();
        let patient = match info.patients {
            PatientRule::InKey(_) => "in the key",
            PatientRule::InList { .. } => "in a list",
            PatientRule::Unknown => "not known",
        };
        table.row([
            info.folder.to_owned(),
            info.marks.title.to_owned(),
            info.root_key.to_owned(),
            HumanCount(info.real_count.into()).to_string(),
            patient.to_owned(),
        ]);
    }
    table
}

/// The document that the Python package reads.
fn document(known: KnownDatasets) -> serde_json::Value {
    let datasets = known.iter().map(|dataset| {
        let info = dataset.info();
        serde_json::json!({
            "number": info.number,
            "folder": info.folder,
            "title": info.marks.title,
            "root_key": info.root_key,
            "images": info.real_count,
            "patients": info.patients,
            "patient_pool": info.patient_pool.map(|pool| pool.name),
        })
    });
    serde_json::json!({ "datasets": datasets.collect::<Vec<_>>() })
}
