/* Edges of a scene: which items of a box are joined, on which track a long one runs, and through which points.
 *
 * An edge between values becomes one between the items of the innermost box that holds both; inside a box that only its
 * reader lies in it goes on from the upper border (of a gradient: the lower one), inside one that only its operand lies
 * in up to the other border. Equal ones are drawn once. One that joins neighbouring lines runs straight through the
 * gap between them; a longer one along a track at the right of its lane, one track for all readers of an item. Where
 * all tracks are taken an edge is spilled: drawn only for what is selected or under the pointer. */
'use strict';

(function () {
    /* lane of an edge: 0 forward or update, 1 gradient, -1 from one to the other */
    function laneOf(nodes, from, to) {
        var a = nodes.phase[from], b = nodes.phase[to];
        return a !== b ? -1 : a === vitc.phase.GRADIENT ? 1 : 0;
    }

    function edgeKey(from, to, lane, outer) {
        return (outer ? 'e' + outer.id : from) + '>' + to + (lane ? 'g' : '');
    }
    vitc.edgeKey = edgeKey;

    function addEdge(box, from, to, lane, outer) {
        var key = edgeKey(from, to, lane, outer), edge = box.byEdge.get(key);
        if (!edge) {
            edge = {id: vitc.edgeCount++, from: from, to: to, lane: lane, outer: outer, live: false, points: null,
                track: -1};
            box.byEdge.set(key, edge);
            box.edges.push(edge);
        }
        return edge;
    }
    vitc.edgeCount = 0;

    /* Calls f(reader, operand, the reader's entry) for each edge between values of the scene in any of the stages. */
    function eachEdge(scene, first, last, f) {
        var model = scene.model, nodes = model.nodes;
        for (var entry = 0; entry < nodes.count; entry++) {
            if (nodes.first[entry] > last || nodes.last[entry] < first) continue;
            if (scene.holder[nodes.number[entry]] < 0) continue;
            var operands = model.operands(entry);
            for (var i = 0; i < operands.length; i++) {
                var operand = operands[i];
                if (operand < 0 || operand >= model.limit || scene.holder[operand] < 0) continue;
                if (!scene.outline.inline(operand)) f(nodes.number[entry], operand, entry);
            }
        }
    }

    function chain(scene, at, box) { /* items from that in `box` down to `at`, without the first */
        var path = [];
        while (scene.items[at].box !== box) {
            path.push(at);
            at = scene.boxes[scene.items[at].box].owner;
        }
        return path.reverse();
    }

    function liftOne(scene, reader, operand, entry, f) {
        var lane = laneOf(scene.model.nodes, scene.outline.entries[operand], entry);
        if (lane < 0) return;
        var u = scene.holder[operand], v = scene.holder[reader];
        if (u === v) return;
        var pair = scene.lift(u, v);
        if (!pair) return;
        var box = scene.boxes[scene.items[pair[0]].box], edge = f(box, pair[0], pair[1], lane, null);
        if (edge && scene.model.nodes.bytes[scene.outline.entries[operand]] > vitc.sizes.scalar) edge.heavy = true;
        chain(scene, u, box.id).forEach(function (item) {
            f(scene.boxes[scene.items[item].box], item, -1, lane, null);
        });
        chain(scene, v, box.id).forEach(function (item) {
            edge = edge && f(scene.boxes[scene.items[item].box], -1, item, lane, edge);
        });
    }

    vitc.liftEdges = function (scene) {
        vitc.edgeCount = 0;
        eachEdge(scene, scene.outline.from, scene.outline.to, function (reader, operand, entry) {
            liftOne(scene, reader, operand, entry, addEdge);
        });
    };

    /* Marks which edges there are in a stage. */
    vitc.markEdges = function (scene, stage) {
        var only = scene.outline.from === stage && scene.outline.to === stage;
        scene.boxes.forEach(function (box) {
            box.edges.forEach(function (edge) {
                edge.live = only;
            });
        });
        if (only) return;
        eachEdge(scene, stage, stage, function (reader, operand, entry) {
            liftOne(scene, reader, operand, entry, function (box, from, to, lane, outer) {
                var edge = box.byEdge.get(edgeKey(from, to, lane, outer));
                if (edge) edge.live = true;
                return edge;
            });
        });
    };

    /* The edges of the scene that stand for one between two values; null where there are none (it goes from lane to
     * lane). */
    vitc.pathOfEdges = function (scene, operand, reader) {
        var model = scene.model, entry = model.entry(reader, vitc.state.stage), path = [];
        if (entry < 0) entry = scene.outline.entries[reader];
        liftOne(scene, reader, operand, entry, function (box, from, to, lane, outer) {
            var edge = box.byEdge.get(edgeKey(from, to, lane, outer));
            if (edge) path.push(edge);
            return edge;
        });
        return path.length ? path : null;
    };

    /* ---- tracks */

    /* Lines from which and to which an edge runs, in the direction of its lane: counted among the lines that have items
     * of the lane, so that two neighbours differ by one. */
    function ranks(scene, box, lane) {
        var rank = new Array(box.lines.length), n = 0;
        box.lines.forEach(function (line, i) {
            var some = line.items.some(function (item) {
                return partWidth(scene, item, lane) > 0;
            });
            rank[i] = some ? n++ : n;
        });
        return {of: rank, count: n};
    }

    function partWidth(scene, item, lane) {
        return lane && !joined(scene, item) ? item.gw : lane && item.has[1] ? item.w : lane ? 0 : item.w;
    }
    function partX(scene, item, lane) {
        return lane && !joined(scene, item) ? item.gx : item.x;
    }
    function joined(scene, item) { /* overlaid: one drawing for both parts */
        return scene.lane === 'overlay' && item.kind !== 'value' && item.has[0] > 0 && item.has[1] > 0;
    }

    /* Sets edge.track of long edges; returns how many tracks the lane has. Intervals are taken in the order of their
     * first line, each on the first track that is free. */
    vitc.assignTracks = function (scene, box, lane) {
        var rank = ranks(scene, box, lane), spans = new Map();
        function line(item, border) {
            return item < 0 ? border : rank.of[scene.items[item].line];
        }
        box.edges.forEach(function (edge) {
            if (edge.lane !== lane) return;
            var up = lane === 1, start = up ? rank.count : -1, end = up ? -1 : rank.count;
            var a = line(edge.from, start), b = line(edge.to, end), step = up ? a - b : b - a;
            edge.far = step !== 1;
            if (!edge.far) return;
            var key = edge.from >= 0 ? edge.from : 'e' + edge.outer.id, span = spans.get(key);
            if (!span) spans.set(key, (span = {low: Math.min(a, b), high: Math.max(a, b), edges: []}));
            span.low = Math.min(span.low, a, b);
            span.high = Math.max(span.high, a, b);
            span.edges.push(edge);
        });
        var starts = new Array(rank.count + 2), ends = [], most = 0;
        spans.forEach(function (span) {
            (starts[span.low + 1] = starts[span.low + 1] || []).push(span);
        });
        starts.forEach(function (list) {
            (list || []).forEach(function (span) {
                var t = 0;
                while (t < ends.length && ends[t] > span.low) t++;
                scene.work += t + 1;
                var spilled = t >= vitc.sizes.tracks;
                if (spilled) t = vitc.sizes.tracks;
                else ends[t] = span.high;
                most = Math.max(most, t + 1);
                span.edges.forEach(function (edge) {
                    edge.track = t;
                    edge.spilled = spilled;
                });
            });
        });
        return most;
    };

    /* ---- points */

    function spread(scene, box, lane) { /* at which fraction of its width an edge ends, by the operands before it */
        var count = new Map(), at = new Map();
        box.edges.forEach(function (edge) {
            if (edge.lane === lane && edge.to >= 0) count.set(edge.to, (count.get(edge.to) || 0) + 1);
        });
        return function (edge) {
            var i = (at.get(edge.to) || 0) + 1;
            at.set(edge.to, i);
            return i / (count.get(edge.to) + 1);
        };
    }

    function portShare(scene, item, lane) { /* overlaid, the gradient leaves and enters at the right half */
        return joined(scene, item) ? (lane ? [0.5, 1] : [0, 0.5]) : [0, 1];
    }

    function routeBox(scene, box) {
        [0, 1].forEach(function (lane) {
            var fraction = spread(scene, box, lane), up = lane === 1, S = vitc.sizes, gap = S.row / 2;
            var owner = box.owner < 0 ? null : scene.items[box.owner];
            var left = lane ? box.x1 : box.x0, width = lane ? box.gw : box.w;
            var right = left + width - S.pad - box.tracks[lane] * S.track + S.track;
            box.edges.forEach(function (edge) {
                if (edge.lane !== lane) return;
                var from = edge.from < 0 ? null : scene.items[edge.from];
                var to = edge.to < 0 ? null : scene.items[edge.to];
                var x1, y1, x2, y2, share, slot = (edge.from < 0 ? edge.outer.id : edge.from) % 5 * 2.5 - 5;
                if (from) {
                    share = portShare(scene, from, lane);
                    x1 = partX(scene, from, lane) + partWidth(scene, from, lane) * (share[0] + share[1]) / 2;
                    y1 = up ? from.y : from.y + from.h;
                } else { /* goes on where the outer edge ended; its points are made before these */
                    x1 = Math.max(left + 6, Math.min(left + width - 6, edge.outer.port));
                    y1 = up ? owner.y + owner.h : owner.y + S.header;
                }
                if (to) {
                    share = portShare(scene, to, lane);
                    x2 = partX(scene, to, lane) + partWidth(scene, to, lane) *
                        (share[0] + (share[1] - share[0]) * fraction(edge));
                    y2 = up ? to.y + to.h : to.y;
                } else {
                    x2 = left + width / 2;
                    y2 = up ? owner.y + S.header : owner.y + owner.h;
                }
                edge.port = x2;
                var after = up ? -1 : 1, m1 = y1 + after * (gap + slot), m2 = y2 - after * (gap + slot);
                if (!from) m1 = y1 + after * (gap / 2 + slot / 2);
                if (!to) m2 = y2 - after * gap / 2;
                if (!edge.far && Math.abs(x1 - x2) < 1) edge.points = [x2, y1, x2, y2];
                else if (!edge.far) {
                    var m = to && from && Math.abs(y2 - y1) > 2 * S.row ? m2 : (y1 + y2) / 2 + slot;
                    edge.points = [x1, y1, x1, m, x2, m, x2, y2];
                } else {
                    var x = right + edge.track * S.track;
                    edge.points = [x1, y1, x1, m1, x, m1, x, m2, x2, m2, x2, y2];
                }
            });
        });
    }

    vitc.routeEdges = function (scene) {
        scene.boxes.forEach(function (box) { /* an outer box comes before those within it */
            routeBox(scene, box);
        });
    };

    /* The rectangle of an item's part: [x, y, w, h], or null. */
    vitc.rect = function (scene, item, gradient) {
        var lane = gradient ? 1 : 0, w = partWidth(scene, item, lane);
        return w ? [partX(scene, item, lane), item.y, w, item.h] : null;
    };
})();
