//! The OneDrive connector as a WebAssembly component.
//!
//! This crate is thin: it joins the contract's exports to `onedrive-core`,
//! and core's four ports to WASI. It exports `datasource`, `sync`, `authorization` and
//! `diagnostics` of `platform:datasource`, described in `wit/`; the component
//! is made from this crate by `cargo xtask build`.
//!
//! ```text
//! datasource-host inspect target/dist/onedrive-datasource.wasm
//! ```

mod convert;
mod http;
mod reactor;
mod state;

/// What `wit-bindgen` makes of the contract and of WASI.
mod bindings {
    wit_bindgen::generate!({
        path: "../wit",
        inline: "
            package onedrive:component;

            world component {
                include platform:datasource/connector@0.1.0;

                export platform:datasource/sync@0.1.0;
                export platform:datasource/authorization@0.1.0;
                export platform:datasource/diagnostics@0.1.0;
            }
        ",
        world: "onedrive:component/component",
        generate_all,
    });
}

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use onedrive_core::ports::Ports;
use onedrive_core::{Error, ErrorKind};

use crate::bindings::exports::platform::datasource::datasource as wit;
use crate::bindings::exports::platform::datasource::{authorization, diagnostics, sync, types};
use crate::reactor::block_on;

struct Component;
bindings::export!(Component with_types_in bindings);

thread_local! {
    /// An instance makes or resumes one connection, once.
    static TAKEN: Cell<bool> = const { Cell::new(false) };
}

fn take_instance() -> Result<Rc<Ports>, types::Error> {
    if TAKEN.replace(true) {
        let message = "This instance holds a connection already.";
        return Err(convert::error(Error::new(ErrorKind::InvalidParams, message)));
    }
    Ok(Rc::new(Ports {
        http: Box::new(http::WasiHttp),
        clock: Box::new(state::WasiClock),
        random: Box::new(state::WasiRandom),
        store: Box::new(state::WasiStore::default()),
    }))
}

impl wit::Guest for Component {
    type Connection = Connection;
    type Table = Table;
    type Reader = Reader;

    fn describe() -> wit::Description {
        convert::description()
    }
}

struct Connection(Rc<onedrive_core::Connection>);

impl wit::GuestConnection for Connection {
    fn connect(params: String) -> Result<wit::Connection, types::Error> {
        let ports = take_instance()?;
        let connection = block_on(onedrive_core::Connection::connect(ports, &params));
        let connection = Rc::new(connection.map_err(convert::error)?);
        Ok(wit::Connection::new(Self(connection)))
    }

    fn resume() -> Result<wit::Connection, types::Error> {
        let connection = onedrive_core::Connection::resume(take_instance()?);
        let connection = Rc::new(connection.map_err(convert::error)?);
        Ok(wit::Connection::new(Self(connection)))
    }

    fn info(&self) -> Result<wit::ConnectionInfo, types::Error> {
        self.0.info().map(convert::connection_info).map_err(convert::error)
    }

    fn alter_params(&self, changes: String) -> Result<(), types::Error> {
        block_on(self.0.alter_params(&changes)).map_err(convert::error)
    }

    fn system_tables(&self) -> Vec<wit::TableInfo> {
        self.0.system_tables().into_iter().map(convert::table_info).collect()
    }

    fn list_tables(&self, request: wit::ListRequest) -> Result<wit::TablePage, types::Error> {
        let page = block_on(self.0.list_tables(convert::list_request(request)));
        page.map(convert::table_page).map_err(convert::error)
    }

    fn read_table(
        &self,
        name: String,
        options: Vec<(String, String)>,
    ) -> Result<wit::Table, types::Error> {
        let table = block_on(self.0.read_table(&name, &options)).map_err(convert::error)?;
        let schema = table.schema().map_err(convert::error)?;
        Ok(wit::Table::new(Table { table, schema }))
    }

    fn open_split(
        &self,
        split: Vec<u8>,
        deadline_ms: Option<u64>,
    ) -> Result<wit::Reader, types::Error> {
        let deadline = deadline_ms.map(Duration::from_millis);
        let reader = self.0.open_split(&split, deadline).map_err(convert::error)?;
        Ok(wit::Reader::new(Reader(RefCell::new(reader))))
    }
}

impl sync::Guest for Component {
    fn refresh(
        connection: wit::ConnectionBorrow<'_>,
        scope: String,
        budget_ms: u32,
    ) -> Result<sync::Progress, types::Error> {
        let connection = &connection.get::<Connection>().0;
        let budget = Duration::from_millis(budget_ms.into());
        let progress = block_on(connection.refresh(&scope, budget));
        progress.map(convert::progress).map_err(convert::error)
    }

    fn changes(
        connection: wit::ConnectionBorrow<'_>,
        scope: String,
        cursor: Option<String>,
    ) -> Result<sync::ChangePage, types::Error> {
        let connection = &connection.get::<Connection>().0;
        let page = block_on(connection.changes(&scope, cursor.as_deref()));
        page.map(convert::change_page).map_err(convert::error)
    }
}

impl authorization::Guest for Component {
    fn begin(
        connection: wit::ConnectionBorrow<'_>,
        method: authorization::Method,
    ) -> Result<authorization::Pending, types::Error> {
        let connection = &connection.get::<Connection>().0;
        let pending = block_on(connection.begin_sign_in(convert::sign_in_method(method)));
        pending.map(convert::pending).map_err(convert::error)
    }

    fn complete(
        connection: wit::ConnectionBorrow<'_>,
        id: String,
        answer: authorization::Answer,
    ) -> Result<authorization::Outcome, types::Error> {
        let connection = &connection.get::<Connection>().0;
        let outcome = block_on(connection.complete_sign_in(&id, convert::sign_in_answer(answer)));
        outcome.map(convert::outcome).map_err(convert::error)
    }
}

impl diagnostics::Guest for Component {
    fn diagnose(connection: wit::ConnectionBorrow<'_>) -> Vec<diagnostics::Finding> {
        let findings = block_on(connection.get::<Connection>().0.diagnose());
        findings.into_iter().map(convert::finding).collect()
    }
}

struct Table {
    table: onedrive_core::Table,
    schema: Vec<u8>,
}

impl wit::GuestTable for Table {
    fn name(&self) -> String {
        self.table.name().to_owned()
    }

    fn schema(&self) -> Vec<u8> {
        self.schema.clone()
    }

    fn statistics(&self) -> wit::Statistics {
        convert::statistics(self.table.statistics())
    }

    fn filter_support(&self) -> Vec<wit::ColumnFilterSupport> {
        self.table.filter_support().into_iter().map(convert::filter_support).collect()
    }

    fn plan(&self, scan: wit::Scan) -> Result<wit::ScanPlan, types::Error> {
        self.table.plan(&convert::scan(scan)).map(convert::scan_plan).map_err(convert::error)
    }
}

struct Reader(RefCell<onedrive_core::Reader>);

impl wit::GuestReader for Reader {
    fn next(&self) -> Result<Option<wit::Piece>, types::Error> {
        let piece = block_on(self.0.borrow_mut().next()).map_err(convert::error)?;
        Ok(piece.map(convert::piece))
    }

    fn metrics(&self) -> wit::ScanMetrics {
        convert::metrics(self.0.borrow().metrics())
    }
}
