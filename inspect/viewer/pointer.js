/* What the pointer does on the graph: moving, zooming, hovering, pressing. */
'use strict';

(function () {
    var view = vitc.view, canvas;

    /* What lies at a point of the scene: {item, gradient, button}, or null. */
    vitc.hit = function (x, y) {
        function inBox(box) {
            for (var i = box.items.length - 1; i >= 0; i--) {
                var item = box.items[i];
                for (var g = 0; g < 2; g++) {
                    var r = (g ? item.gw : item.w) ? vitc.rect(vitc.scene(), item, g === 1) : null;
                    if (!r || x < r[0] || y < r[1] || x > r[0] + r[2] || y > r[1] + r[3]) continue;
                    var inner = item.inner >= 0 ? inBox(vitc.scene().boxes[item.inner]) : null;
                    return inner || {item: item, gradient: g === 1, button: buttonAt(item, g === 1, x, y)};
                }
            }
            return null;
        }
        var stuck = (vitc.scene().stuck || []).find(function (s) {
            return x >= s.x && y >= s.y && x <= s.x + s.w && y <= s.y + s.h;
        });
        if (stuck)
            return {item: stuck.item, gradient: stuck.gradient, button: x < stuck.x + 20 ? {name: 'toggle'} : null,
                stuck: true};
        return inBox(vitc.scene().main) || inBox(vitc.scene().update);
    };

    function buttonAt(item, gradient, x, y) {
        return vitc.buttons(vitc.scene(), item, gradient).find(function (b) {
            return x >= b.x && y >= b.y && x <= b.x + b.w && y <= b.y + b.h;
        }) || null;
    }

    function at(event) {
        var box = canvas.getBoundingClientRect();
        return {x: event.clientX - box.left, y: event.clientY - box.top};
    }

    function hitAt(p) {
        return vitc.hit((p.x - view.x) / view.k, (p.y - view.y) / view.k);
    }

    vitc.startPointer = function (element) {
        canvas = element;
        var held = null, moved = false, pointers = new Map(), apart = 0;
        canvas.addEventListener('pointerdown', function (event) {
            canvas.setPointerCapture(event.pointerId);
            pointers.set(event.pointerId, at(event));
            held = at(event);
            moved = false;
            apart = 0;
        });
        canvas.addEventListener('pointermove', function (event) {
            var p = at(event);
            if (!pointers.has(event.pointerId)) return hoverAt(p);
            var last = pointers.get(event.pointerId);
            pointers.set(event.pointerId, p);
            if (pointers.size === 2) { /* two fingers */
                var both = Array.from(pointers.values()), d = Math.hypot(both[0].x - both[1].x, both[0].y - both[1].y);
                if (apart) vitc.zoom(d / apart, (both[0].x + both[1].x) / 2, (both[0].y + both[1].y) / 2);
                apart = d;
                moved = true;
                return;
            }
            if (Math.hypot(p.x - held.x, p.y - held.y) > 4) moved = true;
            if (!moved) return;
            canvas.classList.add('moving');
            vitc.pan(p.x - last.x, p.y - last.y);
        });
        function up(event) {
            pointers.delete(event.pointerId);
            canvas.classList.remove('moving');
            if (!moved && event.type === 'pointerup') pressAt(at(event));
        }
        canvas.addEventListener('pointerup', up);
        canvas.addEventListener('pointercancel', up);
        canvas.addEventListener('pointerleave', function () {
            vitc.hover(null, 'graph');
        });
        canvas.addEventListener('dblclick', function (event) {
            var hit = hitAt(at(event));
            if (hit && !hit.button) vitc.toggle(hit.item);
        });
        canvas.addEventListener('wheel', function (event) {
            event.preventDefault();
            var p = at(event), unit = event.deltaMode === 1 ? 16 : event.deltaMode === 2 ? view.h : 1;
            if (event.shiftKey || (Math.abs(event.deltaX) > 0 && !event.ctrlKey))
                return vitc.pan(-(event.deltaX || event.deltaY) * unit, event.shiftKey ? 0 : -event.deltaY * unit);
            vitc.zoom(Math.exp(-event.deltaY * unit * (event.ctrlKey ? 0.01 : 0.0016)), p.x, p.y);
        }, {passive: false});
    };

    function hoverAt(p) {
        var hit = hitAt(p);
        canvas.style.cursor = hit ? 'pointer' : '';
        var open = hit && hit.item.inner >= 0 && !hit.button;
        vitc.hover(hit && !open ? vitc.refOf(hit.item) : null, 'graph');
    }

    function pressAt(p) {
        var hit = hitAt(p);
        canvas.focus({preventScroll: true});
        if (hit && hit.button) return vitc.press(hit.button, hit.item);
        if (hit && hit.stuck) vitc.look(hit.item);
        vitc.select(hit ? vitc.refOf(hit.item) : null, 'graph');
    }
})();
