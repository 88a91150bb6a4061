/* Opening and closing groups, and which item of the scene shows a ref. */
'use strict';

(function () {
    vitc.setExpanded = function (key, value, hold) {
        if (value) vitc.expanded.set(key, value);
        else vitc.expanded.delete(key);
        vitc.relayout(hold === undefined ? key : hold);
        vitc.emit('expand');
    };

    vitc.toggle = function (item) {
        if (item.kind === 'value') return;
        var first = item.kind === 'run' ? vitc.scene().outline.groups[item.members[0]].path : true;
        vitc.setExpanded(item.key, item.inner >= 0 ? null : first);
    };

    vitc.closeAll = function () {
        vitc.expanded.clear();
        vitc.relayout(null);
        vitc.fit();
        vitc.emit('expand');
    };

    /* Opens what is closed and lies in `item` (null: all of the graph), one level. */
    vitc.openLevel = function (item) {
        vitc.scene().items.slice().forEach(function (other) {
            if (other.kind === 'value' || other.inner >= 0) return;
            for (var at = other; at && item && at !== item;) at = vitc.scene().items[vitc.scene().boxes[at.box].owner];
            if (item && !at) return;
            vitc.expanded.set(other.key, other.kind === 'run' ? vitc.scene().outline.groups[other.members[0]].path :
                true);
        });
        vitc.relayout(item ? item.key : null);
        vitc.emit('expand');
    };

    vitc.press = function (button, item) { /* one of vitc.buttons */
        var groups = vitc.scene().outline.groups, shown, at;
        if (button.name === 'toggle') return vitc.toggle(item);
        if (button.name === 'fold') return vitc.setExpanded(item.fold, null, null);
        if (button.name === 'all') return vitc.setExpanded(item.key, 'all');
        shown = vitc.scene().shown(item);
        at = item.members.indexOf(shown) + (button.name === 'next' ? 1 : button.name === 'before' ? -1 : 0);
        at = (at + item.members.length) % item.members.length;
        vitc.setExpanded(item.key, groups[item.members[at]].path);
    };

    /* Opens the groups around a group, and it as well where `it` is true; of a run, the right member. */
    function openAround(id, it) {
        var groups = vitc.scene().outline.groups, changed = false, chain = [];
        for (var at = it ? id : groups[id].parent; at >= 0 && groups[at].parent >= 0; at = groups[at].parent)
            chain.push(at);
        chain.reverse().forEach(function (at) {
            var run = groups[at].run, path = groups[at].path;
            if (run) {
                var key = vitc.scene().outline.runKey(run), now = vitc.expanded.get(key);
                if (now !== 'all' && now !== path) {
                    vitc.expanded.set(key, path);
                    changed = true;
                }
                if (now === 'all' && !vitc.expanded.has(path)) {
                    vitc.expanded.set(path, true);
                    changed = true;
                }
            } else if (!vitc.expanded.has(path)) {
                vitc.expanded.set(path, true);
                changed = true;
            }
        });
        return changed;
    }

    /* The item that shows a ref, after opening what it lies in; null: it is not in this stage. */
    vitc.openTo = function (ref) {
        var outline = vitc.scene().outline, model = vitc.state.model, id, number;
        if (ref.kind === 'value' || /^(kernel|source|line|op)$/.test(ref.kind)) {
            number = vitc.numbersOf(ref).find(function (n) {
                return outline.groupOf[n] >= 0;
            });
            if (number === undefined || number >= model.limit) return null;
            if (outline.inline(number)) return null;
            id = outline.groupOf[number];
            if (openAround(id, true)) vitc.relayout(null, true);
            return vitc.scene().items[vitc.scene().holder[number]] || null;
        }
        if (ref.kind !== 'group') return null;
        id = outline.find(ref.id);
        if (id < 0 || outline.groups[id].parent < 0) return null;
        if (openAround(id, false)) vitc.relayout(null, true);
        return itemOfGroup(id);
    };

    function itemOfGroup(id) {
        var groups = vitc.scene().outline.groups, found = null;
        vitc.scene().items.forEach(function (item) {
            if (item.kind === 'group' && item.id === id) found = found || item;
            if (item.kind === 'run' && (item.id === id || item.members.indexOf(id) >= 0)) found = found || item;
        });
        for (var i = groups[id].children.length === 1 ? groups[id].children[0] : -1; !found && i >= 0;) {
            found = itemOfGroup(i);
            i = groups[i].children.length === 1 ? groups[i].children[0] : -1;
        }
        return found;
    }

    /* The values that a ref stands for in the stage shown. */
    vitc.numbersOf = function (ref) {
        var model = vitc.state.model, outline = vitc.scene().outline, numbers = [];
        if (!ref) return numbers;
        if (ref.kind === 'value') return [ref.id];
        if (ref.kind === 'kernel') return Array.from(model.kernels.values(ref.id));
        if (ref.kind === 'line') return model.linesOf(ref.id);
        if (ref.kind === 'op') return model.valuesOfOp(ref.id, vitc.state.stage);
        if (ref.kind === 'source')
            return model.readers(-1 - ref.id, vitc.state.stage).map(function (entry) {
                return model.nodes.number[entry];
            });
        if (ref.kind === 'group' && outline.find(ref.id) >= 0)
            outline.each(outline.find(ref.id), function (number) {
                numbers.push(number);
            });
        return numbers;
    };

    /* The ref of an item: what is selected by pressing it. */
    vitc.refOf = function (item) {
        if (item.kind === 'value') return {kind: 'value', id: item.number};
        var groups = vitc.scene().outline.groups;
        if (item.kind === 'group' || item.id >= 0) return {kind: 'group', id: groups[item.id].path};
        return {kind: 'group', id: groups[vitc.scene().shown(item)].path};
    };

    vitc.itemOf = function (ref) { /* without opening anything */
        if (!ref) return null;
        if (ref.kind === 'value') return vitc.scene().items[vitc.scene().holder[ref.id]] || null;
        if (ref.kind === 'group' && vitc.scene().outline.find(ref.id) >= 0)
            return itemOfGroup(vitc.scene().outline.find(ref.id));
        return null;
    };
})();
