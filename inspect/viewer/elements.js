/* Elements of the page. Text always becomes text nodes, so that nothing a recipe says is taken for HTML. */
'use strict';

(function () {

    /* element('a.link.small', {title: 'x', onclick: f}, 'text', child, [more], null): attributes that begin with "on"
     * are listeners, those that are false or null are left out; so are null children. */
    function element(tag, attributes, ...children) {
        const [name, ...classes] = tag.split('.');
        const made = document.createElement(name || 'div');
        if (classes.length) made.className = classes.join(' ');
        for (const [key, value] of Object.entries(attributes || {})) {
            if (value === null || value === undefined || value === false) continue;
            if (key.startsWith('on')) made.addEventListener(key.slice(2), value);
            else made.setAttribute(key, value === true ? '' : value);
        }
        add(made, children);
        return made;
    }

    function add(parent, children) {
        for (const child of children) {
            if (child === null || child === undefined || child === false) continue;
            if (Array.isArray(child)) add(parent, child);
            else parent.append(child instanceof Node ? child : String(child));
        }
    }

    function replace(parent, ...children) {
        parent.replaceChildren();
        add(parent, children);
    }

    /* A long name, which may be broken behind its dots. */
    function breakable(name) {
        if (name.length < 20) return name;
        return name.split(/(?<=\.)/).flatMap((part, i) => i ? [document.createElement('wbr'), part] : [part]);
    }

    /* What selects `ref` when it is clicked or entered, and moves the graph to values, kernels and modules: a link, so that
     * it can be tabbed to and shared. */
    function link(ref, text, more) {
        const title = more && more.title;
        return element('a.ref' + (more && more.classes ? '.' + more.classes : ''), {
            href: vitc.linkOf ? vitc.linkOf(ref) : '#',
            title,
            tabindex: more && more.tabindex,
            onclick(event) {
                if (event.metaKey || event.ctrlKey || event.shiftKey) return;
                event.preventDefault();
                if (['value', 'kernel', 'group'].includes(ref.kind)) vitc.reveal(ref, 'link');
                else vitc.select(ref, 'link');
            },
        }, typeof text === 'string' ? breakable(text) : text);
    }

    /* A share of a whole as a bar: beside a number that says the same. */
    function bar(share, phase) {
        const width = Math.max(0, Math.min(1, share || 0)) * 100;
        const fill = element('span.fill' + (phase ? '.' + phase : ''));
        fill.style.width = width.toFixed(2) + '%';
        return element('span.bar', {'aria-hidden': 'true'}, fill);
    }

    /* Scrolls `body` so that a row in it is in sight, a third from the top; where it is in sight, nothing moves. */
    function bringIntoSight(body, row) {
        const top = row.getBoundingClientRect().top - body.getBoundingClientRect().top;
        if (top < 20 || top > body.clientHeight - 40)
            body.scrollTop = Math.max(0, body.scrollTop + top - body.clientHeight / 3);
    }

    vitc.bringIntoSight = bringIntoSight;
    vitc.breakable = breakable;
    vitc.element = element;
    vitc.replace = replace;
    vitc.link = link;
    vitc.bar = bar;
})();
