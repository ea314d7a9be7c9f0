"""The database in which the rows of one period are built: on temporary disk, so that memory does not grow with it.

Amounts are DECIMAL(38, 18) throughout, never doubles: exact, or an error.
"""

from decimal import Decimal
from pathlib import Path

from chargeback.domain.money.exact import to_text
from chargeback.domain.reports.manifest import FORMULA, GUARD, LEADING
from chargeback.services.duck.connection import connect
from chargeback.services.duck.disk import require_room, room_in
from chargeback.services.duck.engine import Engine
from chargeback.services.duck.statements import quoted, statements_of


class PeriodEngine(Engine):
    """Runs the statements of publishing.

    Attributes:
        folder: where the database and all other temporary files are.
        database: the file.
        decimals: places of the printed costs.
        room: bytes that the folder may take.
    """

    def __init__(self, folder: Path, *, decimals: int, memory_limit_mb: int, disk_limit_mb: int) -> None:
        self.folder = folder
        self.database = folder / "period.duckdb"
        self.decimals = decimals
        self.room = room_in(folder, disk_limit_mb)
        self._memory_limit_mb, self._disk_limit_mb = memory_limit_mb, disk_limit_mb
        connection = connect(
            self.database, spill=folder / "spill", memory_limit_mb=memory_limit_mb, spill_limit=self.room
        )
        words = {
            "decimals": decimals,
            "formula": quoted(FORMULA),
            "leading": quoted(LEADING),
            "guard": quoted(GUARD),
            "unit": f"CAST('{to_text(Decimal(1).scaleb(-decimals))}' AS DECIMAL(38, {decimals}))",
        }
        super().__init__(connection, statements_of("chargeback.services.publishing"), words)

    def with_same_limits(self, folder: Path) -> "PeriodEngine":
        """Another period's database in another folder."""
        return PeriodEngine(
            folder,
            decimals=self.decimals,
            memory_limit_mb=self._memory_limit_mb,
            disk_limit_mb=self._disk_limit_mb,
        )

    def require_room(self, charges: int) -> None:
        """Raise `NoRoom` unless so many charges, which are staged, can be arranged beside the parts that are kept."""
        kept = sum(file.stat().st_size for file in self.folder.glob("*.parquet"))
        require_room(self.database.stat().st_size, self.room - kept, charges)
