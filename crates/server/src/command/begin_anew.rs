//! `holdfast begin-anew`: a new registry in a data folder whose database is lost. What lies there stays, and no row names
//! it.

use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use super::CommonArgs;
use crate::{
    boot::App,
    folder::Folder,
    locations::Locations,
    output::{Output, say, say_json},
    remains::{Left, Remains},
    settings::Settings,
};

#[derive(Debug, Args)]
pub(super) struct BeginAnew {
    #[command(flatten)]
    common: CommonArgs,
}

/// What scripts read.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Begun {
    registry: String,
    data_dir: String,
}

impl BeginAnew {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let settings = self.common.settings()?;
        let (registry, left) = super::block_on(begin(&settings))?;
        let data_dir = settings.data_dir.display().to_string();
        match self.common.output {
            Output::Json => say_json(&Begun { registry, data_dir })?,
            Output::Text => {
                say(&format!(
                    "made the registry {registry} in {data_dir}, with new credentials"
                ));
                if !left.is_empty() {
                    say(&format!("{left}, which nothing names any more:"));
                    say(&format!("  holdfast check --strays --data-dir '{data_dir}'"));
                    say(&format!("  holdfast gc --strays --data-dir '{data_dir}'"));
                }
                say(&format!("start it with: holdfast serve --data-dir '{data_dir}'"));
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

async fn begin(settings: &Settings) -> anyhow::Result<(String, Left)> {
    let folder = Folder::at(&settings.data_dir);
    folder.create(Remains::LeaveBehind, settings.database.is_none())?;
    let held = folder.hold()?;
    // The folders of other locations stay those of the server that is lost: whoever wants them goes back to its backup.
    let locations = Locations::declared(settings)?.own();
    let left = Left::find(&folder, &locations)?;
    let app = App::open(settings, folder, held, &locations, Remains::LeaveBehind).await?;
    locations.store(&app.folder)?;
    app.close().await;
    Ok((app.default_registry.name.clone(), left))
}
