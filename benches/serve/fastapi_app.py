"""The peer: the same service as its users would write it in Python, and fairly.

The model is loaded once, a stone is checked by pydantic and predicted by XGBoost's fastest call for one
row, and the exchange is inserted into MongoDB by the asynchronous driver, behind the answer.
"""

import asyncio
import json
import os
import uuid
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from enum import Enum

import numpy as np
import xgboost
from fastapi import FastAPI, Request, Response
from pydantic import BaseModel, PositiveFloat
from pymongo import AsyncMongoClient

CUT = ["Fair", "Good", "Very Good", "Premium", "Ideal"]
COLOR = ["J", "I", "H", "G", "F", "E", "D"]
CLARITY = ["I1", "SI2", "SI1", "VS2", "VS1", "VVS2", "VVS1", "IF"]

Cut = Enum("Cut", {name: name for name in CUT}, type=str)
Color = Enum("Color", {name: name for name in COLOR}, type=str)
Clarity = Enum("Clarity", {name: name for name in CLARITY}, type=str)

booster = xgboost.Booster(model_file=os.environ["MODEL"])
# One thread: one row gives the others nothing to do, and waking them costs more than the row.
booster.set_param({"nthread": 1})
records: set[asyncio.Task] = set()


class Diamond(BaseModel):
    carat: PositiveFloat
    cut: Cut
    color: Color
    clarity: Clarity
    x: PositiveFloat
    y: PositiveFloat
    z: PositiveFloat
    table: PositiveFloat = 57.0


@asynccontextmanager
async def lifespan(app: FastAPI):
    app.state.exchanges = AsyncMongoClient(os.environ["MONGODB_URI"])["diamond_db"]["exchanges"]
    yield
    await asyncio.gather(*records)


app = FastAPI(lifespan=lifespan)


@app.post("/v1/valuations")
async def value(stone: Diamond, request: Request) -> Response:
    received_at = datetime.now(UTC)
    depth = 200 * stone.z / (stone.x + stone.y)
    row = [
        stone.carat,
        CUT.index(stone.cut.value),
        COLOR.index(stone.color.value),
        CLARITY.index(stone.clarity.value),
        depth,
        stone.table,
        stone.x,
        stone.y,
        stone.z,
    ]
    features = np.array([row], dtype=np.float32)
    price = float(booster.inplace_predict(features, validate_features=False)[0])
    answer = {
        "request_id": str(uuid.uuid4()),
        "price_usd": price,
        "price_per_carat_usd": price / stone.carat,
        "assumed": ["depth"],
        "warnings": [],
    }
    record = {
        "_id": answer["request_id"],
        "received_at": received_at,
        "client": request.client.host,
        "request": {"method": "POST", "path": "/v1/valuations", "body": json.loads(await request.body())},
        "response": {"status": 200, "body": answer},
    }
    task = asyncio.create_task(request.app.state.exchanges.insert_one(record))
    records.add(task)
    task.add_done_callback(records.discard)
    return Response(json.dumps(answer), media_type="application/json")
